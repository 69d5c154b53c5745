import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type IndexParts, indexHash } from "../src/pins.js";

const PARTS: IndexParts = {
  model: "text-embedding-3-small",
  tokenizer: "cl100k_base",
  chunking: { size: 512, overlap: 64 },
  metric: "cosine",
  dimension: 1536,
  storeParameters: { m: 16, efConstruction: 200 },
  corpusRevision: "2026-11-01",
};

/** Made of their canonical texts by another program. */
const GOLDEN: readonly (readonly [string, IndexParts, string])[] = [
  [
    "what is required",
    { model: "m", dimension: 384, metric: "cosine", corpusRevision: 7 },
    "ix1-d8c4ced068215bc7aa4a70bed9bdf53f",
  ],
  ["all parts that have a name", PARTS, "ix1-75f694faf48eed2d15133b1093e45cb9"],
  [
    "further parts, names that are no ASCII, and numbers that have two spellings",
    { model: '"é\n', dimension: 1, metric: "l2", corpusRevision: 1e21, größe: 1e-6, notes: [null, true, 1e-7, ""] },
    "ix1-1397d4eb1d315dc85201e8a29c326777",
  ],
];

const anyJson = fc.jsonValue({ stringUnit: "grapheme", maxDepth: 3 });
const anyParts = fc
  .tuple(fc.string({ minLength: 1 }), fc.integer({ min: 1 }), fc.dictionary(fc.string({ unit: "grapheme" }), anyJson))
  .map(([model, dimension, more]): IndexParts => ({ ...more, model, dimension, metric: "dot", corpusRevision: 1 }));

/** The same, members in the other order, at every depth. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).reverse();
  return Object.fromEntries(members.map(([name, member]) => [name, turned(member)]));
}

describe("indexHash()", () => {
  it.each(GOLDEN)("is golden for %s", async (_, parts, golden) => {
    expect(await indexHash(parts)).toBe(golden);
  });

  it("can stand in a header, a cookie, a query and the name of a host", async () => {
    expect(await indexHash(PARTS)).toMatch(/^[a-z][a-z0-9-]{35}$/);
  });

  it("does not depend on the order of members, nor on how a number was spelled", async () => {
    await fc.assert(
      fc.asyncProperty(anyParts, async (parts) => {
        expect(await indexHash(turned(parts) as IndexParts)).toBe(await indexHash(parts));
      }),
    );
    const spelled = `{"corpusRevision":7.0,"metric":"co\\u0073ine","model":"m","dimension":3.84e2}`;
    expect(await indexHash(JSON.parse(spelled))).toBe(GOLDEN[0]?.[2]);
    const zero = (x: number) => ({ ...PARTS, x });
    expect(await indexHash(zero(-0))).toBe(await indexHash(zero(0)));
  });

  it("is another one when any part is another one, is there or is not", async () => {
    const name = fc.oneof(fc.constantFrom(...Object.keys(PARTS), "__proto__", "toJSON", "10", ""), fc.string());
    await fc.assert(
      fc.asyncProperty(anyParts, name, anyJson, async (parts, part, value) => {
        fc.pre(!["model", "dimension", "metric", "corpusRevision"].includes(part));
        const others = Object.entries(parts).filter(([each]) => each !== part);
        const without = Object.fromEntries(others) as IndexParts;
        const withIt = Object.fromEntries([...others, [part, value]]) as IndexParts;
        const withAnother = Object.fromEntries([...others, [part, [value]]]) as IndexParts;
        const hashes = await Promise.all([without, withIt, withAnother].map(indexHash));
        expect(new Set(hashes).size).toBe(3);
      }),
    );
    const hash = await indexHash(PARTS);
    for (const [part, value] of Object.entries(PARTS)) {
      const other =
        typeof value === "number" ? value + 1 : typeof value === "string" ? `${value} ` : { ...Object(value), x: 0 };
      expect(await indexHash({ ...PARTS, [part]: other }), part).not.toBe(hash);
    }
    expect(await indexHash({ ...PARTS, corpusRevision: 7 })).not.toBe(
      await indexHash({ ...PARTS, corpusRevision: "7" }),
    );
  });

  const itself: Record<string, unknown> = {};
  itself.again = itself;
  const list: unknown[] = [];
  list.push(list);
  it.each<[string, unknown, string]>([
    ["nothing", undefined, "indexHash must be given an object of parts, got undefined"],
    ["a list", [], "indexHash must be given an object of parts, got a list"],
    ["no model", { ...PARTS, model: undefined }, "model must be a text of at least one character, got undefined"],
    ["an empty model", { ...PARTS, model: "" }, 'model must be a text of at least one character, got ""'],
    ["half a dimension", { ...PARTS, dimension: 0.5 }, "dimension must be a positive whole number, got 0.5"],
    ["a dimension in a text", { ...PARTS, dimension: "384" }, 'dimension must be a positive whole number, got "384"'],
    ["no metric", { ...PARTS, metric: null }, "metric must be a text of at least one character, got null"],
    ["a date", { ...PARTS, corpusRevision: new Date(0) }, "corpusRevision must be a text or a number, got an object"],
    ["NaN", { ...PARTS, corpusRevision: Number.NaN }, "corpusRevision must be a text or a number, got NaN"],
    ["an undefined part", { ...PARTS, tokenizer: undefined }, "tokenizer must be JSON, got undefined"],
    ["an undefined member", { ...PARTS, chunking: { size: undefined } }, "chunking.size must be JSON, got undefined"],
    ["a hole in a list", { ...PARTS, chunking: { at: new Array(1) } }, "chunking.at[0] must be JSON, got undefined"],
    ["NaN in a list", { ...PARTS, extra: [[1, Number.NaN]] }, "extra[0][1] must be JSON, got NaN"],
    ["Infinity", { ...PARTS, extra: Number.POSITIVE_INFINITY }, "extra must be JSON, got Infinity"],
    ["a bigint", { ...PARTS, extra: 1n }, "extra must be JSON, got 1"],
    ["a function", { ...PARTS, extra: () => 1 }, "extra must be JSON, got a function"],
    ["a symbol", { ...PARTS, extra: Symbol("x") }, "extra must be JSON, got Symbol(x)"],
    ["a date as a part", { ...PARTS, extra: new Date(0) }, "extra must be JSON, got an object"],
    ["a Map", { ...PARTS, extra: new Map() }, "extra must be JSON, got an object"],
    ["bytes", { ...PARTS, extra: new Uint8Array(1) }, "extra must be JSON, got an object"],
    [
      "what says how it is written",
      { ...PARTS, extra: { toJSON: () => 1 } },
      "extra.toJSON must be JSON, got a function",
    ],
    ["half a character", { ...PARTS, extra: "\ud800" }, "extra must be JSON, got "],
    ["half a character in a name", { ...PARTS, extra: { "\ud800": 1 } }, "must have a name without half characters"],
    ["a list that holds itself", { ...PARTS, extra: list }, "must not be nested more than 64 deep"],
    ["what holds itself", { ...PARTS, extra: itself }, "must not be nested more than 64 deep"],
  ])("%s is a TypeError that names the part", async (_, parts, message) => {
    const hashing = indexHash(parts as IndexParts);
    await expect(hashing).rejects.toThrow(TypeError);
    await expect(hashing).rejects.toThrow(message);
  });
});
