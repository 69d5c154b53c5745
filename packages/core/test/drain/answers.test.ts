import { describe, expect, it } from "vitest";
import { drainingAnswer, reconnectAnswer } from "../../src/drain/answers.js";
import { bytesOf } from "./streams-support.js";

describe("drainingAnswer", () => {
  it("is 503 draining, which nothing was run for, with the time to come again", () => {
    const { status, headers, chunks } = drainingAnswer(3);
    expect(status).toBe(503);
    expect(headers).toEqual([
      ["Content-Type", "application/problem+json"],
      ["Cache-Control", "no-store"],
      ["Retry-After", "3"],
    ]);
    expect(JSON.parse(new TextDecoder().decode(chunks[0]))).toEqual({
      type: "urn:onceover:problem:draining",
      title: "This instance is leaving, and begins nothing new.",
      status: 503,
      code: "draining",
      executed: false,
    });
  });

  it("lets a client come again after a second where nothing is said", () => {
    expect(drainingAnswer().headers).toContainEqual(["Retry-After", "1"]);
  });
});

describe("reconnectAnswer", () => {
  it("is 200 and an event stream without an event, which no cache keeps", () => {
    const { status, headers, chunks } = reconnectAnswer(250);
    expect(status).toBe(200);
    expect(headers).toEqual([
      ["Content-Type", "text/event-stream"],
      ["Cache-Control", "no-store"],
    ]);
    expect(chunks).toEqual([bytesOf("retry: 250\n\n")]);
  });

  it("says the client's last id again, so that none forgets it", () => {
    expect(reconnectAnswer(250, "42").chunks).toEqual([bytesOf("retry: 250\nid: 42\n\n")]);
  });

  it("refuses a time that a client would not read", () => {
    expect(() => reconnectAnswer(0.5)).toThrow(
      new TypeError("retryMs must be a whole number of milliseconds, got 0.5"),
    );
  });
});
