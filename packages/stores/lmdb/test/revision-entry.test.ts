import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agedEntry, decodeRevision, encodeRevision, type RevisionEntry, writtenOver } from "../src/revision-entry.js";

const SEED = 20261123;
const timeMs = fc.integer({ min: 0, max: 2 ** 45 });
const entry: fc.Arbitrary<RevisionEntry> = fc.record({
  text: fc.string({ unit: "binary", maxLength: 200 }),
  firstMs: timeMs,
  lastMs: timeMs,
  keepMs: timeMs,
});

describe("the envelope of an announcement", () => {
  it("gives back what was put into it", () => {
    const holds = (one: RevisionEntry) => {
      expect(decodeRevision(encodeRevision(one))).toEqual(one);
    };
    fc.assert(fc.property(entry, holds), { seed: SEED, numRuns: 2_000 });
  });

  it("of another version, or cut within its times, is unreadable, and any bytes at all are an entry or unreadable", () => {
    const holds = (one: RevisionEntry, by: number) => {
      const bytes = encodeRevision(one);
      expect(decodeRevision(bytes.subarray(0, by % 25))).toBe("unreadable");
      bytes[0] = 2 + (by % 254);
      expect(decodeRevision(bytes)).toBe("unreadable");
    };
    const anyBytes = (bytes: Uint8Array) => {
      const decoded = decodeRevision(Buffer.from(bytes));
      expect(decoded === "unreadable" || typeof decoded.text === "string").toBe(true);
    };
    fc.assert(fc.property(entry, fc.nat(), holds), { seed: SEED, numRuns: 2_000 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), anyBytes), { seed: SEED, numRuns: 5_000 });
  });
});

it("however the clock is set between writings, no age is negative, and none is above the one since the first", () => {
  const holds = (times: readonly number[], keepMs: number) => {
    let kept: RevisionEntry | undefined;
    for (const nowMs of times) {
      if (kept !== undefined) {
        const { ageMs, sinceMs } = agedEntry("r1", kept, nowMs);
        expect(ageMs).toBeGreaterThanOrEqual(0);
        expect(sinceMs).toBeGreaterThanOrEqual(ageMs);
      }
      kept = writtenOver(kept, "text", keepMs, nowMs);
      expect(agedEntry("r1", kept, nowMs).ageMs).toBe(0);
    }
  };
  fc.assert(fc.property(fc.array(timeMs, { maxLength: 8 }), timeMs, holds), { seed: SEED, numRuns: 2_000 });
});
