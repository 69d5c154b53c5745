import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeAnnounced, decodeCounted, decodeListed } from "../src/registry-reply.js";

const entry = fc.record({
  id: fc.stringMatching(/^[0-9A-Za-z._-]{1,64}$/),
  text: fc.string({ unit: "binary", maxLength: 200 }),
  ageMs: fc.nat(),
  sinceMs: fc.nat(),
});

type Entry = ReturnType<typeof decodeListed>[number];

/** As the script answers it. */
function replyOf(entries: readonly Entry[]): Buffer {
  const parts = entries.map(
    ({ id, text, ageMs, sinceMs }) => `|${id}|${ageMs}|${sinceMs}|${Buffer.byteLength(text)}|${text}`,
  );
  return Buffer.from(`L${entries.length}${parts.join("")}`);
}

it("a list is read as it was answered, whatever the texts", () => {
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      expect(decodeListed(replyOf(entries))).toEqual(entries);
    }),
  );
});

it("a list that is cut off anywhere is refused: none is ever shorter than it was", () => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), fc.nat(), (entries, at) => {
      const reply = replyOf(entries);
      const cut = reply.subarray(0, at % reply.length);
      expect(() => decodeListed(cut)).toThrow(expect.objectContaining({ code: "store-unavailable" }));
    }),
  );
});

it("any other bytes are refused with store-unavailable by every decoder", () => {
  const noise = fc.oneof(
    fc.uint8Array(),
    fc.string().map((text) => Buffer.from(`L2${text}`)),
    fc.string().map((text) => Buffer.from(`L1|r1|0|0|1|${text}x`)),
    fc
      .constantFrom("X", "O ", "C|", "C|-1", "C|1e3", "C|12345678901234567", "timeout")
      .map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(noise, (bytes) => {
      for (const decode of [decodeAnnounced, decodeCounted, decodeListed]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: "OnceoverError", code: "store-unavailable" });
          continue;
        }
        // What is taken is what a script of ours could have answered, to the last byte.
        expect(Buffer.from(bytes).toString("latin1")).toMatch(/^(?:O|C\|\d{1,16}|L\d{1,6}(?:\|[\s\S]*)?)$/);
      }
    }),
    { numRuns: 2000 },
  );
});
