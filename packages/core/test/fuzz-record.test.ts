import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HeaderLine } from "../src/facts.js";
import { decodeRecord, encodeRecord, isSafeHeader, type RunRecord } from "../src/record.js";
import type { Fingerprint } from "../src/store.js";
import { CASES, expectLinear, expectPrototypeUntouched } from "./fuzz-support.js";

/** Inputs per generated record: most are mutants of it, the rest arbitrary bytes. */
const BATCH = 20;

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 6 }),
  fc.constant("__proto__"),
);
const head = fc.record({
  fingerprint: text.map((each) => each as Fingerprint),
  revision: text,
  completedAtMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
  status: fc.integer({ min: 100, max: 999 }),
});
const name = fc.constantFrom("Content-Type", "X-Note", "__proto__", "constructor", "a");
const headers = fc.array(
  fc.tuple(
    name,
    text.filter((value) => isSafeHeader(["X", value])),
  ),
  { maxLength: 4 },
);
const chunks = fc.array(fc.uint8Array({ maxLength: 16 }), { maxLength: 3 });
const record: fc.Arbitrary<RunRecord> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(head, headers, chunks)
      .map(([about, lines, body]): RunRecord => ({ kind: "answer", ...about, headers: lines, chunks: body })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(head, fc.constantFrom("too-large", "cut", "unrecordable"))
      .map(([about, kind]): RunRecord => ({ kind, ...about })),
  },
);

type Change = (bytes: Uint8Array) => Uint8Array;

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const flip = fc.tuple(place, fc.nat(7)).map(
  ([at, bit]): Change =>
    (bytes) => {
      const copy = bytes.slice();
      const index = Math.floor(at * bytes.length);
      copy[index] = (copy[index] ?? 0) ^ (1 << bit);
      return copy;
    },
);
const truncate = place.map(
  (at): Change =>
    (bytes) =>
      bytes.slice(0, Math.floor(at * bytes.length)),
);
const extend = fc.uint8Array({ minLength: 1, maxLength: 8 }).map(
  (more): Change =>
    (bytes) =>
      new Uint8Array([...bytes, ...more]),
);
const garbage = fc.uint8Array({ maxLength: 64 }).map(
  (bytes): Change =>
    () =>
      bytes,
);
const nearGarbage = fc.uint8Array({ maxLength: 64 }).map(
  (bytes): Change =>
    () =>
      new Uint8Array([1, 0, ...bytes]),
);
const change = fc.oneof(
  { weight: 6, arbitrary: flip },
  { weight: 2, arbitrary: truncate },
  { weight: 1, arbitrary: extend },
  { weight: 1, arbitrary: garbage },
  { weight: 2, arbitrary: nearGarbage },
);

/** The layout has one spelling for each record, so what was read must be what was written. */
function isFaithful(bytes: Uint8Array): boolean {
  const decoded = decodeRecord(bytes);
  if (decoded.outcome === "unreadable") return true;
  if (decoded.record.kind === "answer" && !decoded.record.headers.every(isSafeHeader)) return false;
  return Buffer.compare(encodeRecord(decoded.record), bytes) === 0;
}

describe("decodeRecord", () => {
  it(`reads ${CASES} flipped, cut, extended and arbitrary records as what they say or not at all`, () => {
    let seen = 0;
    let read = 0;
    fc.assert(
      fc.property(record, fc.array(change, { minLength: BATCH, maxLength: BATCH }), (given, changes) => {
        const bytes = encodeRecord(given);
        return changes.every((each) => {
          const mutant = each(bytes);
          seen += 1;
          if (decodeRecord(mutant).outcome === "record") read += 1;
          return isFaithful(mutant);
        });
      }),
      { numRuns: CASES / BATCH },
    );
    expect(seen).toBe(CASES);
    expect(read).toBeGreaterThan(CASES / 100);
    expectPrototypeUntouched();
  });

  it("reads back what was written", () => {
    fc.assert(
      fc.property(record, (given) => {
        expect(decodeRecord(encodeRecord(given))).toEqual({ outcome: "record", record: given });
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [
      "chunks of one byte",
      (size: number) => ({ headers: [], chunks: Array.from({ length: size }, () => new Uint8Array(1)) }),
    ],
    ["one chunk", (size: number) => ({ headers: [], chunks: [new Uint8Array(100 * size)] })],
    ["one header value", (size: number) => ({ headers: [["X", "v".repeat(100 * size)] as HeaderLine], chunks: [] })],
    [
      "header lines",
      (size: number) => ({ headers: Array.from({ length: size / 4 }, (): HeaderLine => ["X", "é"]), chunks: [] }),
    ],
  ])("takes time in proportion to the number of %s", async (_, make) => {
    const about = { fingerprint: "t1:x" as Fingerprint, revision: "r", completedAtMs: 1, status: 200 };
    await expectLinear(20_000, (size) => {
      const decoded = decodeRecord(encodeRecord({ kind: "answer", ...about, ...make(size) }));
      expect(decoded.outcome).toBe("record");
    });
  });
});
