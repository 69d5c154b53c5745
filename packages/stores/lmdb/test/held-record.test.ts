import { type Fingerprint, OnceoverError, type OwnerToken, type StoreKey } from "@onceover/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHeld, encodeHeld, type HeldRecord } from "../src/held-record.js";

const SEED = 20261123;
const KEY = "k" as StoreKey;
const text = (maxLength: number) => fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength });
const held: fc.Arbitrary<HeldRecord> = fc.record({
  state: fc.constantFrom("running" as const, "done" as const, "abandoned" as const),
  token: text(64).map((token) => token as OwnerToken),
  fingerprint: text(128).map((fingerprint) => fingerprint as Fingerprint),
  fence: fc.maxSafeNat(),
  attempt: fc.nat(),
  leaseEndsMs: fc.maxSafeNat(),
  expiresMs: fc.maxSafeNat(),
});

describe("the envelope of a record", () => {
  it("gives back what was put into it", () => {
    const holds = (record: HeldRecord) => {
      expect(decodeHeld(KEY, encodeHeld(record))).toEqual(record);
    };
    fc.assert(fc.property(held, holds), { seed: SEED, numRuns: 1_000 });
  });

  it("cut short or made longer anywhere is record-unreadable, and any bytes at all are a record or record-unreadable", () => {
    const read = (bytes: Buffer): "record" | string => {
      try {
        decodeHeld(KEY, bytes);
        return "record";
      } catch (error) {
        return error instanceof OnceoverError ? error.code : String(error);
      }
    };
    const resized = (record: HeldRecord, by: number) => {
      const bytes = encodeHeld(record);
      const cut = bytes.subarray(0, bytes.length - 1 - (by % bytes.length));
      expect(read(cut)).toBe("record-unreadable");
      expect(read(Buffer.concat([bytes, Buffer.alloc(1 + (by % 9))]))).toBe("record-unreadable");
    };
    const anyBytes = (bytes: Uint8Array) => {
      expect(["record", "record-unreadable"]).toContain(read(Buffer.from(bytes)));
    };
    fc.assert(fc.property(held, fc.nat(), resized), { seed: SEED, numRuns: 5_000 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), anyBytes), { seed: SEED, numRuns: 5_000 });
  });
});
