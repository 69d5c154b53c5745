import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BodyFacts } from "../src/facts.js";
import { PROBLEMS } from "../src/problem.js";
import { make, multipart, type Shape } from "./fingerprint-support.js";
import { CASES, expectLinear, expectPrototypeUntouched } from "./fuzz-support.js";
import { bytesOf } from "./support.js";

const FORM = "application/x-www-form-urlencoded";
const essence = fc.constantFrom(
  "application/json",
  "application/problem+json",
  FORM,
  "text/plain",
  "application/octet-stream",
  "multipart/form-data",
  "multipart/mixed",
  "",
  ";",
  "a;b;c=d",
);
const charset = fc.constantFrom(
  "",
  "; charset=utf-8",
  "; charset=utf-16le",
  "; charset=latin1",
  "; charset=shift_jis",
  "; charset=klingon",
  '; charset="',
  "; charset=__proto__",
);
const boundary = fc.oneof(
  fc.constantFrom("x", "--", "a b", "\r\n", "b".repeat(70), "b".repeat(71)),
  fc.string({ maxLength: 8 }),
);
const contentType = fc
  .tuple(essence, charset, fc.option(boundary, { nil: undefined }))
  .map(([type, set, mark]) => `${type}${set}${mark === undefined ? "" : `; boundary=${mark}`}`);

const soup = (pieces: readonly string[]) => fc.string({ unit: fc.constantFrom(...pieces), maxLength: 16 });
const member = fc.constantFrom('"__proto__":', '"constructor":', '"prototype":', '"toJSON":', '"a":', '"":');
const jsonText = fc.oneof(
  soup(["{", "}", "[", "]", ",", ":", '"', "\\", "1", "-", "e9", "null", '"a":', '"__proto__":', "\\ud800", " "]),
  fc
    .array(fc.tuple(member, fc.constantFrom("1", "{}", '{"polluted":true}', "[null]", '"\\ud800"', "1e999")))
    .map((members) => `{${members.map((pair) => pair.join("")).join()}}`),
);
const formText = soup([
  "a",
  "b",
  "=",
  "&",
  "[",
  "]",
  "0",
  "[]",
  "%",
  "%41",
  "%ff",
  "+",
  "__proto__",
  "[__proto__]",
  ".",
  "\0",
]);
const partsText = fc
  .tuple(boundary, soup(["--x", "\r\n", "\r\n--x", "--", "\r", "\n", "a:b", "\0", "--x--"]))
  .map(([mark, text]) => (mark.length > 3 ? text : multipart(mark, [["f", text]])));
const bytes = fc.oneof(
  fc.oneof(jsonText, formText, partsText).map(bytesOf),
  fc.oneof(jsonText, formText).map((text): BodyFacts => ({ outcome: "bytes", bytes: Buffer.from(text, "utf16le") })),
  fc.uint8Array({ maxLength: 40 }).map((given): BodyFacts => ({ outcome: "bytes", bytes: given })),
);

const tree = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<unknown>(
      1,
      -0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      "a",
      "\ud800",
      null,
      undefined,
      true,
      1n,
      Symbol("s"),
      () => 1,
      new Date(Number.NaN),
      new Map([[1, 2]]),
      new Uint8Array(2),
      Object.create(null),
    ),
    fc.array(tie("node"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b[]", "__proto__", "constructor", "toJSON", ""), tie("node"), {
      maxKeys: 3,
      noNullPrototype: false,
    }),
  ),
})).node;
const parsed = fc.oneof(tree, jsonText.map(parsedJson)).map((value): BodyFacts => ({ outcome: "parsed", value }));

const rule = fc.constantFrom<NonNullable<Shape["rule"]>>("request", "request", { fields: ["a", "__proto__"] });
const body = fc.oneof(
  { weight: 3, arbitrary: bytes },
  { weight: 1, arbitrary: parsed },
  {
    weight: 1,
    arbitrary: fc.constantFrom<BodyFacts>({ outcome: "too-large" }, { outcome: "broken" }, { outcome: "consumed" }),
  },
);
const shape: fc.Arbitrary<Shape> = fc.record({
  contentType,
  body,
  rule,
  target: fc.constantFrom("/", "/a?b=\ud800", ""),
});

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

describe("fingerprintOf", () => {
  it(`gives ${CASES} requests a fingerprint or a typed refusal, and the same again`, async () => {
    const outcomes = { fingerprint: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(shape, async (given) => {
        const made = await make(given);
        outcomes[made.outcome] += 1;
        if (made.outcome === "refused") return made.code in PROBLEMS && made.detail !== "";
        const again = await make(given);
        const isSame = again.outcome === "fingerprint" && again.fingerprint === made.fingerprint;
        return isSame && /^(?:req1|fld1):[\w-]{43}$/.test(made.fingerprint);
      }),
      { numRuns: CASES },
    );
    expect(outcomes.fingerprint + outcomes.refused).toBe(CASES);
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(CASES / 100);
    expectPrototypeUntouched();
  }, 60_000);

  const nested = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);

  it.each<[string, Shape]>([
    ["lists", { body: nested("[", "]", 100_000) }],
    ["objects", { body: nested('{"a":', "}", 100_000).replace(":}", ":1}") }],
    ["lists, by fields", { body: nested("[", "]", 100_000), rule: { fields: ["a"] } }],
    ["a member, by fields", { body: `{"a":${nested("[", "]", 2_000)}}`, rule: { fields: ["a"] } }],
    ["lists, parsed", { body: { outcome: "parsed", value: JSON.parse(nested("[", "]", 100_000)) } }],
    [
      "objects, parsed from a form",
      {
        contentType: FORM,
        body: { outcome: "parsed", value: JSON.parse(nested('{"a":', "}", 100_000).replace(":}", ":1}")) },
      },
    ],
    ["brackets in a form", { contentType: FORM, body: `a${"[b]".repeat(100_000)}=1` }],
  ])("answers a hundred thousand levels of %s", async (_, given) => {
    expect(["fingerprint", "refused"]).toContain((await make(given)).outcome);
    expectPrototypeUntouched();
  });

  it.each<[string, (size: number) => Shape]>([
    [
      "members",
      (size) => ({ body: JSON.stringify(Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, i]))) }),
    ],
    ["levels of a list", (size) => ({ body: nested("[", "]", 5 * size) })],
    ["escapes", (size) => ({ body: `"${"\\u0041".repeat(size)}"` })],
    ["fields of a form", (size) => ({ contentType: FORM, body: "a=1&".repeat(size) })],
    [
      "different fields of a form",
      (size) => ({ contentType: FORM, body: Array.from({ length: size }, (_, i) => `${i}=1`).join("&") }),
    ],
    ["open brackets in a form", (size) => ({ contentType: FORM, body: "[1".repeat(5 * size) })],
    ["digits in brackets in a form", (size) => ({ contentType: FORM, body: `[${"1".repeat(10 * size)}` })],
    [
      "parts",
      (size) => ({ contentType: "multipart/form-data; boundary=x", body: `${"--x\r\n\r\n\r\n".repeat(size)}--x--` }),
    ],
    [
      "line breaks between parts",
      (size) => ({ contentType: "multipart/form-data; boundary=x", body: `--x${"\r\n".repeat(5 * size)}` }),
    ],
    [
      "near misses of the boundary",
      (size) => ({ contentType: `multipart/form-data; boundary=${"-".repeat(69)}x`, body: "-".repeat(2 * size) }),
    ],
    ["parameters of the media type", (size) => ({ contentType: `text/plain${"; a=b".repeat(size)}`, body: "a" })],
    [
      "equals signs in the media type",
      (size) => ({ contentType: `text/plain; charset="${"=".repeat(size)}`, body: "a" }),
    ],
  ])("takes time in proportion to the number of %s", async (_, given) => {
    await expectLinear(20_000, (size) => make(given(size)));
  });
});
