import { describe, expect, it } from "vitest";
import { decide, decideEnding, pauseMs, retryAfterSeconds } from "../src/decide.js";
import { encodeRecord, type RunRecord } from "../src/record.js";
import type { Fingerprint } from "../src/store.js";

const OURS = "req1:ours" as Fingerprint;
const OTHERS = "req1:others" as Fingerprint;
const REUSED = { action: "refuse", code: "key-reused" };

const record = (fingerprint: Fingerprint, kind: RunRecord["kind"]): RunRecord => {
  const head = { fingerprint, revision: "r1", completedAtMs: 1, status: 200 };
  return kind === "answer" ? { kind, ...head, headers: [], chunks: [] } : { kind, ...head };
};
const unknown = (fingerprint: Fingerprint) =>
  ({ outcome: "unknown", fingerprint, fence: 7, attempt: 2, sinceMs: 5 }) as const;

describe("decide", () => {
  it("lets an acquired key run", () => {
    expect(decide({ outcome: "acquired", fence: 7, attempt: 2 }, OURS)).toMatchObject({
      action: "run",
      fence: 7,
      attempt: 2,
    });
  });

  it("lets the same request wait for a run, and refuses another", () => {
    const running = (fingerprint: Fingerprint) => ({ outcome: "running", fingerprint, leaseLeftMs: 9 }) as const;
    expect(decide(running(OURS), OURS)).toEqual({ action: "wait", leaseLeftMs: 9 });
    expect(decide(running(OTHERS), OURS)).toEqual(REUSED);
  });

  it("lets the same request recover an unknown outcome, and refuses another", () => {
    expect(decide(unknown(OURS), OURS)).toEqual({ action: "recover", unknown: unknown(OURS) });
    expect(decide(unknown(OTHERS), OURS)).toEqual(REUSED);
  });

  it.each(["answer", "too-large", "cut", "unrecordable"] as const)(
    "replays a done record of kind %s to the same request, and refuses another",
    (kind) => {
      const done = (fingerprint: Fingerprint) =>
        ({ outcome: "done", record: encodeRecord(record(fingerprint, kind)) }) as const;
      expect(decide(done(OURS), OURS)).toEqual({ action: "replay", record: record(OURS, kind) });
      expect(decide(done(OTHERS), OURS)).toEqual(REUSED);
    },
  );

  it("refuses a record it cannot read, whoever asks", () => {
    const found = { outcome: "done", record: new Uint8Array([2, 0, 0]) } as const;
    expect(decide(found, OURS)).toEqual({ action: "refuse", code: "record-unreadable" });
  });
});

describe("decideEnding", () => {
  it.each([
    [200, "complete", "complete"],
    [302, "complete", "complete"],
    [404, "complete", "complete"],
    [499, "complete", "complete"],
    [500, "complete", "abandon"],
    [503, "complete", "abandon"],
  ] as const)("of a %i is %s by effects once, %s by effects repeatable", (status, once, repeatable) => {
    expect(decideEnding(status, "once")).toBe(once);
    expect(decideEnding(status, "repeatable")).toBe(repeatable);
  });
});

describe("pauseMs", () => {
  it("doubles from 100 ms up to a quarter of a second, and never exceeds what is left", () => {
    expect([0, 1, 2, 3, 4, 5, 1_000].map((looks) => pauseMs(looks, 10_000))).toEqual([
      100, 200, 250, 250, 250, 250, 250,
    ]);
    expect(pauseMs(4, 7)).toBe(7);
  });
});

describe("retryAfterSeconds", () => {
  it("rounds up to whole seconds and is never 0", () => {
    expect([-5, 0, 1, 1_000, 1_001, 29_999].map(retryAfterSeconds)).toEqual([1, 1, 1, 1, 2, 30]);
  });
});
