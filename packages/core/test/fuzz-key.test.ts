import fc from "fast-check";
import { parseItem } from "structured-headers";
import { describe, expect, it } from "vitest";
import { parseKey } from "../src/key.js";
import { CASES, expectLinear, expectPrototypeUntouched, expectWithin } from "./fuzz-support.js";

const PIECES = [
  '"',
  '"',
  "\\",
  ";",
  ";v=",
  "=",
  ",",
  " ",
  "\t",
  "a",
  "Z9",
  "-",
  "(",
  ")",
  ":",
  "?1",
  "%",
  "é",
  "\0",
  "\n",
  "\u{1F600}",
  "__proto__",
];
const nearValid = fc.oneof(
  fc.string({ unit: fc.constantFrom(...PIECES), maxLength: 12 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 20 }).map((text) => `"${text}"`),
  fc.string({ unit: fc.constantFrom("k", '"', "\\", String.raw`\"`), maxLength: 300 }).map((text) => `"${text}";v=1`),
);
const line = fc.oneof(
  { weight: 2, arbitrary: nearValid },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
);
const lines = fc.oneof(
  { weight: 9, arbitrary: line.map((one) => [one]) },
  { weight: 1, arbitrary: fc.array(line, { maxLength: 3 }) },
);

const quoted = (key: string) => `"${key.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

function stringItem(line: string): string | undefined {
  try {
    const [value] = parseItem(line);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function keyIn(line: string): string | undefined {
  const found = parseKey([line]);
  if (found.outcome === "key") return found.key;
  return found.outcome === "invalid" && found.reason === "empty" ? "" : undefined;
}

describe("parseKey", () => {
  it(`says key, absent or invalid of ${CASES} header lists, and finds the same key in its quoted spelling`, () => {
    const outcomes = { key: 0, absent: 0, invalid: 0 };
    fc.assert(
      fc.property(lines, (given) => {
        const found = parseKey(given);
        outcomes[found.outcome] += 1;
        if (found.outcome !== "key") return found.outcome === "absent" ? given.length === 0 : found.reason !== "";
        const again = parseKey([quoted(found.key)]);
        return /^[\x20-\x7e]{1,255}$/.test(found.key) && again.outcome === "key" && again.key === found.key;
      }),
      { numRuns: CASES },
    );
    expect(outcomes.key + outcomes.absent + outcomes.invalid).toBe(CASES);
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(CASES / 1_000);
    expectPrototypeUntouched();
  });

  it("reads each string item as a parser of all structured fields does, whatever its parameters", () => {
    // Without dates, which that parser reads at the end of a line only.
    const value = fc.oneof(
      fc.string({ unit: fc.constantFrom(...PIECES), maxLength: 6 }).map((text) => `"${text}"`),
      fc.constantFrom("1", "-1.5", "123456789012345", "1234567890123456", "1.", "tok/en:*", "?0", "?2", ":aGk=:"),
      fc.constantFrom('%"a"', "'", "a b", ""),
    );
    const parameter = fc.tuple(
      fc.constantFrom(";", "; ", " ;", ";\t"),
      fc.constantFrom("a", "*b-c.1_", "A", "1", ""),
      value,
    );
    const parameters = fc.array(
      parameter.map(([mark, name, given]) => `${mark}${name}${given && `=${given}`}`),
      { maxLength: 3 },
    );
    const accepted = { both: 0, neither: 0 };
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...PIECES), maxLength: 8 }), parameters, (text, all) => {
        const item = ` "${text}"${all.join("")}`;
        const theirs = stringItem(item);
        expect(keyIn(item), item).toBe(theirs);
        accepted[theirs === undefined ? "neither" : "both"] += 1;
      }),
      { numRuns: CASES / 10 },
    );
    for (const count of Object.values(accepted)) expect(count).toBeGreaterThan(CASES / 1_000);
  });

  it.each([
    ["one letter", (size: number) => "k".repeat(size)],
    ["escapes", (size: number) => `"${String.raw`\"`.repeat(size / 2)}"`],
    ["quotes", (size: number) => '"'.repeat(size)],
    ["an unclosed quote", (size: number) => `"${"k".repeat(size)}`],
    ["parameters", (size: number) => `"k"${";v".repeat(size / 2)}`],
    ["parameters of a bare key", (size: number) => `k${";v=1".repeat(size / 4)}`],
    ["spaces", (size: number) => `${" ".repeat(size)}"k"`],
    ["spaces before a semicolon", (size: number) => `k${" ".repeat(size)};v`],
    ["brackets", (size: number) => "(".repeat(size)],
    ["digits", (size: number) => `1.${"1".repeat(size)};`],
  ])("reads 16 KB of %s in under 5 ms, and twice as much in no more than its share", async (_, make) => {
    const longest = make(16_384);
    await expectWithin(5, () => parseKey([longest]));
    await expectLinear(16_384, (size) => parseKey([make(size)]));
    // Below the length at which it is refused unread, too.
    await expectLinear(500, (size) => parseKey([make(size)]));
  });
});
