import canonicalize from "canonicalize";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../src/canonical-json.js";

describe("canonicalJson()", () => {
  it("writes what canonicalize writes, for whatever a JSON parser makes", () => {
    const anyText = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string(),
      fc.constantFrom("__proto__", "toJSON", "10", "9", "\ud800"),
    );
    const anyJson = fc.jsonValue({ stringUnit: "binary", maxDepth: 6 });
    const anyMembers = fc.dictionary(anyText, fc.oneof(anyJson, anyText));
    fc.assert(
      fc.property(fc.oneof(anyJson, anyMembers, fc.array(anyMembers)), (value) => {
        const parsed: unknown = JSON.parse(JSON.stringify(value));
        expect(canonicalJson(parsed)).toBe(canonicalize(parsed));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["a date", new Date(0)],
    ["a member that says how it is written", { at: { toJSON: () => "then" } }],
    ["an instance of a class", new URL("https://shop.example/")],
    ["a boxed number", { amount: Object(1) }],
    ["undefined members and items", { a: undefined, b: [undefined] }],
    ["a list with holes", new Array(2)],
    ["an object without a prototype", Object.assign(Object.create(null), { b: 1, a: 2 })],
    ["minus nothing", -0],
    ["nothing", undefined],
  ])("writes what canonicalize writes for %s", (_, value) => {
    expect(canonicalJson(value)).toBe(canonicalize(value));
  });

  it("takes a value that is nested deeper than it looks itself", () => {
    const deep: unknown = JSON.parse(`${"[".repeat(200)}${"]".repeat(200)}`);
    expect(canonicalJson(deep)).toBe(canonicalize(deep));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1n])("throws for %s, which JSON has no word for", (value) => {
    expect(() => canonicalJson({ value })).toThrow();
  });
});
