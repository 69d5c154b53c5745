import { describe, expect, it } from "vitest";
import { PROBLEMS, type ProblemCode, problemAnswer, problemType } from "../src/problem.js";

const CODES = Object.keys(PROBLEMS) as ProblemCode[];
const textOf = (answer: ReturnType<typeof problemAnswer>) => Buffer.concat(answer.chunks).toString();

describe("the list of problems", () => {
  it("is golden: code, status and whether the request was executed", () => {
    expect(CODES.map((code) => [code, PROBLEMS[code].status, PROBLEMS[code].executed])).toEqual([
      ["key-missing", 400, false],
      ["key-invalid", 400, false],
      ["scope-missing", 403, false],
      ["body-too-large", 413, false],
      ["body-broken", 400, false],
      ["body-consumed", 500, false],
      ["key-reused", 422, false],
      ["in-flight", 409, "unknown"],
      ["outcome-unknown", 409, "unknown"],
      ["answer-not-kept", 409, true],
      ["handler-failed", 500, "unknown"],
      ["store-unavailable", 503, false],
      ["rolled-back", 503, false],
      ["store-full", 503, false],
      ["store-unfit", 503, false],
      ["record-unreadable", 503, false],
    ]);
  });

  it("gives each code a type of its own and a title that is a sentence", () => {
    expect(new Set(CODES.map(problemType)).size).toBe(CODES.length);
    for (const code of CODES) {
      expect(problemType(code)).toBe(`urn:onceover:problem:${code}`);
      expect(PROBLEMS[code].title).toMatch(/^[A-Z].+\.$/);
    }
  });
});

describe("problemAnswer", () => {
  it("is golden", () => {
    const answer = problemAnswer("in-flight", { detail: "Come back.", retryAfterSeconds: 3 });
    expect(answer).toMatchObject({
      status: 409,
      headers: [
        ["Content-Type", "application/problem+json"],
        ["Cache-Control", "no-store"],
        ["Retry-After", "3"],
      ],
    });
    expect(textOf(answer)).toBe(
      '{"type":"urn:onceover:problem:in-flight","title":"A request with this key is still running.","status":409,' +
        '"detail":"Come back.","code":"in-flight","executed":"unknown"}',
    );
  });

  it("is golden without detail and with further members", () => {
    const answer = problemAnswer("answer-not-kept", { members: { originalStatus: 201 } });
    expect(answer.headers).toHaveLength(2);
    expect(textOf(answer)).toBe(
      '{"type":"urn:onceover:problem:answer-not-kept","title":"This request was run; its answer was not kept.",' +
        '"status":409,"code":"answer-not-kept","executed":true,"originalStatus":201}',
    );
  });

  it.each(CODES)("of %s is JSON whose status is the status of the answer", (code) => {
    const answer = problemAnswer(code);
    const { status, title, executed } = PROBLEMS[code];
    expect(answer.status).toBe(status);
    expect(JSON.parse(textOf(answer))).toEqual({ type: problemType(code), title, status, code, executed });
  });
});
