import { describe, expect, it } from "vitest";
import {
  PIN_PROBLEMS,
  type PinProblemCode,
  PROBLEMS,
  type ProblemCode,
  pinProblemAnswer,
  problemAnswer,
  problemType,
} from "../src/problem.js";

const CODES = Object.keys(PROBLEMS) as ProblemCode[];
const PIN_CODES = Object.keys(PIN_PROBLEMS) as PinProblemCode[];
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

  it("of pins and revisions is golden, too", () => {
    expect(PIN_CODES.map((code) => [code, PIN_PROBLEMS[code].status, PIN_PROBLEMS[code].executed])).toEqual([
      ["pins-invalid", 400, false],
      ["pins-missing", 428, false],
      ["backend-behind", 412, false],
      ["client-behind", 412, false],
      ["revision-gone", 412, false],
      ["misdirected", 421, false],
      ["forward-failed", 502, "unknown"],
      ["pins-unreadable", 503, false],
      ["revision-unknown", 503, false],
      ["revision-unreachable", 503, false],
      ["forward-loop", 508, false],
    ]);
  });

  it("gives each code a type of its own and a title of its own that is a sentence", () => {
    const titles = Object.entries({ ...PROBLEMS, ...PIN_PROBLEMS }).map(([, { title }]) => title);
    expect(new Set([...CODES, ...PIN_CODES].map(problemType)).size).toBe(CODES.length + PIN_CODES.length);
    expect(new Set(titles).size).toBe(titles.length);
    for (const code of [...CODES, ...PIN_CODES]) expect(problemType(code)).toBe(`urn:onceover:problem:${code}`);
    for (const title of titles) expect(title).toMatch(/^[A-Z].+\.$/);
  });

  it("says 412 and executed false of whatever did not run for its pins, as 412 always means", () => {
    for (const { status, executed } of [...Object.values(PROBLEMS), ...Object.values(PIN_PROBLEMS)]) {
      if (status === 412) expect(executed).toBe(false);
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

describe("pinProblemAnswer", () => {
  it("is golden", () => {
    const members = { asked: { schemaRev: 13 }, live: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] } };
    const answer = pinProblemAnswer("backend-behind", { retryAfterSeconds: 2, members });
    expect(answer).toMatchObject({
      status: 412,
      headers: [
        ["Content-Type", "application/problem+json"],
        ["Cache-Control", "no-store"],
        ["Retry-After", "2"],
      ],
    });
    expect(textOf(answer)).toBe(
      '{"type":"urn:onceover:problem:backend-behind","title":"The backend does not have what this request asks for.",' +
        '"status":412,"code":"backend-behind","executed":false,"asked":{"schemaRev":13},"live":{"schemaRev":12},' +
        '"accepts":{"schemaRev":[11,12]}}',
    );
  });

  it.each(PIN_CODES)("of %s is JSON whose status is the status of the answer", (code) => {
    const answer = pinProblemAnswer(code);
    const { status, title, executed } = PIN_PROBLEMS[code];
    expect(answer.status).toBe(status);
    expect(JSON.parse(textOf(answer))).toEqual({ type: problemType(code), title, status, code, executed });
  });
});
