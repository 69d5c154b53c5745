import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replayAnswer } from "../src/answer.js";
import type { HeaderLine } from "../src/facts.js";
import { decodeRecord, encodeRecord, isSafeHeader, type RunRecord } from "../src/record.js";
import { Recorder } from "../src/recorder.js";
import type { Fingerprint } from "../src/store.js";
import { CASES, expectLinear, expectPrototypeUntouched } from "./fuzz-support.js";

const ABOUT = { fingerprint: "t1:x" as Fingerprint, revision: "r42", completedAtMs: 1 };
const MORE = new Set(["server-timing", "__proto__"]);
const NEVER =
  /^(?:set-cookie2?|content-length|date|connection|keep-alive|te|trailer|transfer-encoding|upgrade|idempotency-.*)$/i;

const known = [
  "Content-Type",
  "ETag",
  "Link",
  "Location",
  "X-Note",
  "x-tab",
  "Server-Timing",
  "__proto__",
  "constructor",
  "X-",
];
const refused = [
  "Set-Cookie",
  "set-cookie2",
  "CONTENT-LENGTH",
  "Date",
  "Connection",
  "Keep-Alive",
  "TE",
  "Trailer",
  "Transfer-Encoding",
  "Upgrade",
  "Idempotency-Key",
  "Idempotency-Replayed",
];
const hostile = ["X-\r\nSet-Cookie", "X-\0", "X Y", "", "X-é", "ETag ", "X:"];
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...known) },
  { weight: 3, arbitrary: fc.constantFrom(...refused) },
  { weight: 1, arbitrary: fc.constantFrom(...hostile) },
  { weight: 1, arbitrary: fc.string({ maxLength: 6 }).map((tail) => `X-${tail}`) },
);
const value = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 10 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 5 }) },
  { weight: 1, arbitrary: fc.constantFrom("a\r\nSet-Cookie: b=c", "a\nb", "\0", "\x7f", "a\tb", "", "__proto__") },
);
/** Lists per generated line-up: windows of none to five lines of it. */
const BATCH = 20;
const lineUp: fc.Arbitrary<HeaderLine[]> = fc.array(fc.tuple(name, value), { minLength: BATCH, maxLength: BATCH });
const windows = (all: readonly HeaderLine[]) => all.map((_, at) => all.slice(at, at + (at % 6)));

/** What a list of header lines becomes on its way through recorder, bytes and replay. */
function throughRecord(given: readonly HeaderLine[]): RunRecord {
  const recorder = new Recorder(1_048_576, MORE);
  recorder.head(200, given, []);
  const decoded = decodeRecord(encodeRecord(recorder.finish(ABOUT)));
  if (decoded.outcome === "record") return decoded.record;
  throw new Error("unreadable");
}

function isTrue(given: readonly HeaderLine[], record: RunRecord): boolean {
  if (record.kind !== "answer") return record.kind === "unrecordable" && !given.every(isSafeHeader);
  const names = new Set(record.headers.map(([each]) => each));
  const wanted = given.filter(([each]) => names.has(each));
  const marks = replayAnswer(record).headers.filter(([each]) => each === "Idempotency-Replayed").length;
  const isFit = (line: HeaderLine) => isSafeHeader(line) && !NEVER.test(line[0]);
  return JSON.stringify(record.headers) === JSON.stringify(wanted) && marks === 1 && record.headers.every(isFit);
}

describe("replayed header lists", () => {
  it(`of ${CASES} answers come back line by line, or as a tombstone, and never with a forbidden line`, () => {
    let kept = 0;
    let tombstones = 0;
    fc.assert(
      fc.property(lineUp, (all) =>
        windows(all).every((given) => {
          const record = throughRecord(given);
          if (record.kind === "answer") kept += 1;
          else tombstones += 1;
          return isTrue(given, record);
        }),
      ),
      { numRuns: CASES / BATCH },
    );
    expect(kept + tombstones).toBe(CASES);
    expect(Math.min(kept, tombstones)).toBeGreaterThan(CASES / 100);
    expectPrototypeUntouched();
  });

  it("carry a value of 64 KB as it is", () => {
    const long: HeaderLine = ["X-Long", "v".repeat(65_536)];
    expect(throughRecord([long])).toMatchObject({ kind: "answer", headers: [long] });
  });

  it("of 70,000 lines that would be replayed become a tombstone, of 70,000 others none", () => {
    const all = (line: HeaderLine) => Array.from({ length: 70_000 }, () => line);
    expect(throughRecord(all(["X-Line", ""])).kind).toBe("unrecordable");
    expect(throughRecord(all(["Set-Cookie", "a=b"]))).toMatchObject({ kind: "answer", headers: [] });
  });

  it.each([
    ["lines", (size: number) => Array.from({ length: size }, (): HeaderLine => ["X-Line", "v"])],
    ["dashes in a name", (size: number) => [[`x${"-a".repeat(size)}`, "v"] as HeaderLine]],
    ["near misses in a name", (size: number) => [[`x-${"request-".repeat(size)}`, "v"] as HeaderLine]],
    ["letters in a value", (size: number) => [["ETag", "v".repeat(10 * size)] as HeaderLine]],
  ])("take time in proportion to the number of %s", async (_, make) => {
    await expectLinear(10_000, (size) => throughRecord(make(size)));
  });
});
