import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { carriedDeployments, carriedPins, withoutParameter } from "../../src/revisions/revision-pin.js";

type Lines = Readonly<Record<string, readonly string[]>>;
const factsOf = (lines: Lines, target = "/") => ({ target, header: (name: string) => lines[name] ?? [] });
const carried = (lines: Lines, target?: string, hasCookie = true) =>
  carriedPins(factsOf(lines, target), hasCookie).map(({ from, text }) => [from, text]);

describe("the revision pins of a request", () => {
  it.each([
    [{}, "/", []],
    [{ "revision-pin": ["a"] }, "/", [["header", "a"]]],
    [{ "revision-pin": [""] }, "/", [["header", ""]]],
    [{ "revision-pin": ["a", "a"] }, "/", [["header", undefined]]],
    [{ "revision-pin": ["a,a"] }, "/", [["header", undefined]]],
    [{}, "/?revision-pin=a", [["query", "a"]]],
    [{}, "/?a=1&revision-pin=a-_.&b", [["query", "a-_."]]],
    [{}, "/?revision-pin=a&revision-pin=a", [["query", undefined]]],
    [{}, "/?revision-pin=", [["query", ""]]],
    [{}, "/?revision-pin", [["query", ""]]],
    [{}, "/revision-pin=a", []],
    [{}, "/?xrevision-pin=a", []],
    [{}, "/?revision-pins=a", []],
    [{}, "/?REVISION-PIN=a", []],
    [{}, "/?a=?revision-pin=a", []],
    [{ cookie: ["__Host-revision-pin=a"] }, "/", [["cookie", "a"]]],
    [{ cookie: ["a=b;  __Host-revision-pin=a ;c"] }, "/", [["cookie", "a"]]],
    [{ cookie: ["a=b", "__Host-revision-pin=a"] }, "/", [["cookie", "a"]]],
    [{ cookie: ["__Host-revision-pin=a", "__Host-revision-pin=b"] }, "/", [["cookie", undefined]]],
    [{ cookie: ["__host-revision-pin=a; x__Host-revision-pin=a; revision-pin=a"] }, "/", []],
    [{ cookie: ["__Host-revision-pin=a=b"] }, "/", [["cookie", "a=b"]]],
    [
      { "revision-pin": ["a"], cookie: ["__Host-revision-pin=c"] },
      "/?revision-pin=b",
      [
        ["header", "a"],
        ["query", "b"],
        ["cookie", "c"],
      ],
    ],
  ])("%j and %j carry %j", (lines, target, pins) => {
    expect(carried(lines, target)).toEqual(pins);
  });

  it("are none by cookie where cookies are off", () => {
    expect(carried({ cookie: ["__Host-revision-pin=a"] }, "/", false)).toEqual([]);
  });

  it("are at most three, and never throw, whatever comes", () => {
    const piece = fc.constantFrom(
      "__Host-revision-pin=",
      "revision-pin=",
      "dpl=",
      "__vdpl=",
      "&",
      "?",
      ";",
      "%",
      "%41",
      ",",
      "a",
      " ",
    );
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 3 }),
        fc.array(text, { maxLength: 3 }),
        text,
        (header, cookie, target) => {
          const facts = factsOf({ "revision-pin": header, cookie, "x-deployment-id": header }, target);
          for (const pins of [carriedPins(facts, true), carriedDeployments(facts)]) {
            expect(pins.length).toBeLessThanOrEqual(3);
            for (const each of pins) expect(each.text?.includes(",") ?? false).toBe(false);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("withoutParameter()", () => {
  it.each([
    ["/a", "/a"],
    ["/a?revision-pin=x", "/a"],
    ["/a?revision-pin", "/a"],
    ["/a?revision-pin=x&b=1", "/a?b=1"],
    ["/a?b=1&revision-pin=x", "/a?b=1"],
    ["/a?b=1&revision-pin=x&c", "/a?b=1&c"],
    ["/a?revision-pin=x&revision-pin=y", "/a"],
    ["/a?&&revision-pin=x", "/a?&"],
    ["/a?", "/a?"],
    ["/a?revision-pins=x", "/a?revision-pins=x"],
    ["/a?xrevision-pin=x", "/a?xrevision-pin=x"],
    ["/a?b=revision-pin=x", "/a?b=revision-pin=x"],
    ["/revision-pin?b", "/revision-pin?b"],
    ["/a?b=%E9&c=+&revision-pin=x&d=%2f", "/a?b=%E9&c=+&d=%2f"],
  ])("of %j is %j", (target, plain) => {
    expect(withoutParameter(target, "revision-pin")).toBe(plain);
  });

  const pair = fc
    .string({ unit: fc.constantFrom(..."ab=%é?+ /revision-pin".split("")), maxLength: 12 })
    .filter((text) => text !== "revision-pin" && !text.startsWith("revision-pin="));

  it("leaves every other byte of the query, in its order", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(..."/ab%") }),
        fc.array(pair, { minLength: 1, maxLength: 5 }),
        fc.array(fc.record({ at: fc.nat(5), token: fc.string({ unit: fc.constantFrom(..."rp1.-_AZ") }) }), {
          maxLength: 3,
        }),
        (path, pairs, pins) => {
          const query = pins.reduce<string[]>(
            (all, { at, token }) => all.toSpliced(at, 0, `revision-pin=${token}`),
            pairs,
          );
          expect(withoutParameter(`${path}?${query.join("&")}`, "revision-pin")).toBe(`${path}?${pairs.join("&")}`);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("is the same again, and carries no pin any more", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.array(fc.constantFrom("revision-pin=a", "b", "revision-pin", "c=d")),
        (path, pairs) => {
          const plain = withoutParameter(`${path}?${pairs.join("&")}`, "revision-pin");
          expect(withoutParameter(plain, "revision-pin")).toBe(plain);
        },
      ),
    );
  });
});
