import { describe, expect, it } from "vitest";
import { type DrainReport, exitCodeOf, type StreamReport, verdictOf } from "../../src/drain/report.js";

const NO_REQUESTS = { atStart: 0, served: 0, refused: 0, reconnected: 0, finished: 0, gone: 0, cut: 0 };
const NOTHING: Pick<DrainReport, "requests" | "streams" | "interrupted"> = {
  requests: NO_REQUESTS,
  streams: [],
  interrupted: [],
};

function stream(outcome: StreamReport["outcome"]): StreamReport {
  const revision = { start: "r1", end: "r1" };
  return { class: "sse", kind: "finite", revision, bytes: 1, events: 1, lastId: null, outcome, durationMs: 1 };
}

describe("verdictOf", () => {
  it.each([
    ["nothing was left", NOTHING],
    [
      "clients hung up and new requests were refused",
      { ...NOTHING, requests: { ...NO_REQUESTS, gone: 3, refused: 9 } },
    ],
    [
      "streams finished, were handed off, or their clients went",
      {
        ...NOTHING,
        streams: [stream("finished"), stream("handed-off"), stream("client-gone")],
      },
    ],
  ])("is clean where %s, and the exit code 0", (_, report) => {
    expect(verdictOf(report)).toBe("clean");
    expect(exitCodeOf({ verdict: verdictOf(report) })).toBe(0);
  });

  it.each([
    ["a request was cut", { ...NOTHING, requests: { ...NO_REQUESTS, cut: 1 } }],
    ["one stream of many was cut", { ...NOTHING, streams: [stream("finished"), stream("cut"), stream("handed-off")] }],
    ["a run was interrupted", { ...NOTHING, interrupted: [{ keyDigest: "d", attempt: 1, fence: 1 }] }],
  ])("is cut where %s, and the exit code 1", (_, report) => {
    expect(verdictOf(report)).toBe("cut");
    expect(exitCodeOf({ verdict: verdictOf(report) })).toBe(1);
  });
});
