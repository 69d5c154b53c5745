import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecordTracker } from "../../src/drain/records.js";
import { bytesOf, cutAt, places } from "./streams-support.js";

function tracked(chunks: readonly Uint8Array[]) {
  const tracker = createRecordTracker();
  for (const chunk of chunks) tracker.write(chunk);
  return tracker;
}

describe("createRecordTracker", () => {
  it.each([
    ["nothing", "", 0, true],
    ["a record", '{"a":1}\n', 1, true],
    ["two records", "1\n2\n", 2, true],
    ["a record without its end", '{"a":1}', 0, false],
    ["half a record behind a whole one", '1\n{"a"', 1, false],
    ["records that end with CRLF", "1\r\n2\r\n", 2, true],
    ["half a line end", "1\r", 0, false],
    ["empty lines, which are no records", "\n1\n \t\r\n\n", 1, true],
    ["a line feed within a text, which is escaped", '"a\\nb"\n', 1, true],
  ])("of %s it counts whole records and knows whether one is unfinished", (_, text, events, isAtBoundary) => {
    const bytes = bytesOf(text);
    for (const chunks of [[bytes], cutAt(bytes, [...bytes.keys()])]) {
      expect(tracked(chunks)).toMatchObject({ events, isAtBoundary, lastId: undefined });
    }
  });

  it("sees the records that a reader sees, however the bytes are split", () => {
    const line = fc.oneof(fc.json(), fc.constantFrom("", " ", "\r", '"é\u{1F600}"'));
    fc.assert(
      fc.property(fc.array(line), fc.constantFrom("", "\n", "1"), places, (all, end, cuts) => {
        const text = all.join("\n") + end;
        const lines = text.split("\n");
        const rest = lines.pop();
        const tracker = tracked(cutAt(bytesOf(text), cuts));
        expect(tracker.events).toBe(lines.filter((one) => one.trim() !== "").length);
        expect(tracker.isAtBoundary).toBe(rest === "");
      }),
      { numRuns: 1_000 },
    );
  });
});
