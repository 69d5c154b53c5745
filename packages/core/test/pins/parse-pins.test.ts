import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePins } from "../../src/pins/parse-pins.js";
import { isPinName, isTag, pinName, schemaRevOf, spellPin } from "../../src/pins/pin-names.js";
import { requestKind } from "../../src/pins/request-kind.js";

const NAMES = ["schemaRev", "indexHash", "modelTag", "corpusRev"].map(pinName);
const SPELLINGS = NAMES.flatMap(({ spellings }) => spellings);

type Lines = Readonly<Record<string, readonly string[]>>;

const factsOf = (lines: Lines) => ({
  header: (name: string) => (Object.hasOwn(lines, name) ? (lines[name] ?? []) : []),
});
const parse = (lines: Lines, prefix = "") => parsePins(factsOf(lines), NAMES, prefix);
const pinsOf = (lines: Lines, prefix = "") => {
  const parsed = parse(lines, prefix);
  return parsed.outcome === "pins" ? parsed.pins : parsed.detail;
};

const NUMBER = "Schema-Rev must be a whole number.";
const TAG = "Index-Hash must be 1 to 255 visible characters of ASCII, without quotes, commas and spaces.";
const TWICE = "Schema-Rev came more than once, and not with the same value.";

describe("the spellings of a pin", () => {
  it("are golden", () => {
    expect(SPELLINGS).toEqual([
      ...["schema-rev", "x-schema-rev", "schema_rev"],
      ...["index-hash", "x-index-hash", "index_hash"],
      ...["model-tag", "x-model-tag", "model_tag"],
      ...["corpus-rev", "x-corpus-rev", "corpus_rev"],
    ]);
    expect(NAMES.map(({ header }) => header)).toEqual(["Schema-Rev", "Index-Hash", "Model-Tag", "Corpus-Rev"]);
  });

  it.each(["corpusRev", "a1Bc2", "storeLayoutRev"])("may be those of %s, which an application made up", (name) => {
    expect(isPinName(name)).toBe(true);
  });

  it.each([
    ...["corpus", "Corpus", "corpusREV", "corpus-rev", "corpusRev ", "1corpusRev", "", "__proto__", "corpusÄnd"],
    ...[
      "contentType",
      "ifMatch",
      "xCorpusRev",
      "idempotencyKey",
      "lastEventId",
      "secFetchMode",
      "revisionPin",
      "userAgent",
    ],
  ])("are never those of %j", (name) => {
    expect(isPinName(name)).toBe(false);
  });
});

describe("a pin", () => {
  it.each([
    [{ "schema-rev": ["12"] }, { schemaRev: 12 }],
    [{ "x-schema-rev": ["12"] }, { schemaRev: 12 }],
    [{ schema_rev: ["12"] }, { schemaRev: 12 }],
    [{ "schema-rev": ["0"] }, { schemaRev: 0 }],
    [{ "schema-rev": ["999999999999999"] }, { schemaRev: 999_999_999_999_999 }],
    [{ "schema-rev": ["12", "12"], "x-schema-rev": ["12,12"] }, { schemaRev: 12 }],
    [{ "schema-rev": [" 12 "] }, { schemaRev: 12 }],
    [
      { "index-hash": ["ix1-9f/+=:~"], "model-tag": ["m@2"] },
      { indexHash: "ix1-9f/+=:~", modelTag: "m@2" },
    ],
    [{ "index-hash": ["12"] }, { indexHash: "12" }],
    [{ "index-hash": ["__proto__"] }, { indexHash: "__proto__" }],
    [{ "corpus-rev": ["7"] }, { corpusRev: "7" }],
    [{ "other-rev": ["junk junk"] }, {}],
    [{}, {}],
  ])("%j is %j", (lines, pins) => {
    expect(pinsOf(lines)).toEqual(pins);
  });

  it.each([
    [{ "schema-rev": [""] }, NUMBER],
    [{ "schema-rev": ["012"] }, NUMBER],
    [{ "schema-rev": ["-1"] }, NUMBER],
    [{ "schema-rev": ["+1"] }, NUMBER],
    [{ "schema-rev": ["1.0"] }, NUMBER],
    [{ "schema-rev": ["1e3"] }, NUMBER],
    [{ "schema-rev": ["0x1"] }, NUMBER],
    [{ "schema-rev": ["1 2"] }, NUMBER],
    [{ "schema-rev": ["1000000000000000"] }, NUMBER],
    [{ "schema-rev": ["sc-12"] }, NUMBER],
    [{ "schema-rev": ["١٢"] }, NUMBER],
    [{ "schema-rev": ["12", "13"] }, TWICE],
    [{ "schema-rev": ["12,13"] }, TWICE],
    [{ "schema-rev": ["12,"] }, TWICE],
    [{ "schema-rev": ["12"], "x-schema-rev": ["013"] }, TWICE],
    [{ "x-schema-rev": ["12"], schema_rev: ["11"] }, TWICE],
    [{ "index-hash": [""] }, TAG],
    [{ "index-hash": ['"a"'] }, TAG],
    [{ "index-hash": ["a b"] }, TAG],
    [{ "index-hash": ["é"] }, TAG],
    [{ "index-hash": ["a".repeat(256)] }, TAG],
    // One spelling of a number is one value: these two say the same, and not in the same way.
    [{ "schema-rev": ["12"], "x-schema-rev": ["sc-12"] }, TWICE],
  ])("%j is refused: %s", (lines, detail) => {
    expect(pinsOf(lines)).toBe(detail);
  });

  it("may have the service's prefix, and need not", () => {
    expect(pinsOf({ "schema-rev": ["sc-12"] }, "sc-")).toEqual({ schemaRev: 12 });
    expect(pinsOf({ "schema-rev": ["12"] }, "sc-")).toEqual({ schemaRev: 12 });
    expect(pinsOf({ "schema-rev": ["SC-12"] }, "sc-")).toBe("Schema-Rev must be a whole number, or one behind sc-.");
    expect(pinsOf({ "schema-rev": ["sc-sc-12"] }, "sc-")).toContain("must be");
  });
});

const line = fc.oneof(
  fc.string(),
  fc.nat().map(String),
  fc.constantFrom("12", "12, 12", "12,13", "sc-12", "", ",", "__proto__"),
);
const lines = fc.dictionary(fc.constantFrom(...SPELLINGS, "cookie"), fc.array(line, { maxLength: 3 }), {
  noNullPrototype: true,
});
const prefix = fc.constantFrom("", "sc-");

describe("any headers", () => {
  it("never throw, and give pins of the service with values that can be sent, or a sentence", () => {
    fc.assert(
      fc.property(lines, prefix, (given, before) => {
        const parsed = parse(given, before);
        if (parsed.outcome === "invalid") expect(parsed.detail).toMatch(/^[A-Z][A-Za-z]+-[A-Z][a-z]+ .+\.$/);
        for (const [name, value] of Object.entries(parsed.outcome === "pins" ? parsed.pins : {})) {
          expect(NAMES.some((each) => each.name === name)).toBe(true);
          const isRight = name === "schemaRev" ? Number.isSafeInteger(value) : isTag(String(value));
          expect(isRight).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("are refused exactly where one pin came with two values, or with one that is none", () => {
    fc.assert(
      fc.property(lines, prefix, (given, before) => {
        const isRefused = NAMES.some(({ name, spellings }) => {
          const texts = spellings.flatMap((spelling) =>
            factsOf(given)
              .header(spelling)
              .flatMap((text) => text.split(",")),
          );
          const values = new Set(texts.map((text) => text.trim()));
          const [value = ""] = values;
          const isOne = name === "schemaRev" ? schemaRevOf(value, before) !== undefined : isTag(value);
          return values.size > 1 || (values.size === 1 && !isOne);
        });
        expect(parse(given, before).outcome).toBe(isRefused ? "invalid" : "pins");
      }),
      { numRuns: 2000 },
    );
  });

  it("read back what was spelled, under each spelling", () => {
    const tag = fc.string({
      unit: fc.constantFrom(..."!#$%&'*+-./09:;<=>?@AZ[\\]^_`az{|}~"),
      minLength: 1,
      maxLength: 255,
    });
    fc.assert(
      fc.property(fc.nat(999_999_999_999_999), tag, prefix, fc.nat(2), (schemaRev, indexHash, before, at) => {
        const [rev, hash] = [NAMES[0]?.spellings[at] ?? "", NAMES[1]?.spellings[at] ?? ""];
        const spelled = {
          [rev]: [spellPin("schemaRev", schemaRev, before)],
          [hash]: [spellPin("indexHash", indexHash, before)],
        };
        expect(pinsOf(spelled, before)).toEqual({ schemaRev, indexHash });
      }),
    );
  });
});

describe("the kind of a request", () => {
  it.each([
    ["GET", { "sec-fetch-mode": ["navigate"] }, "document"],
    ["HEAD", { "sec-fetch-mode": ["navigate"], accept: ["*/*"] }, "document"],
    ["GET", { "sec-fetch-mode": ["cors"], accept: ["text/html"] }, "api"],
    ["GET", { accept: ["text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"] }, "document"],
    ["GET", { accept: [" application/xhtml+xml"] }, "document"],
    ["GET", { accept: ["application/json, text/html"] }, "api"],
    ["GET", { accept: ["*/*"] }, "api"],
    ["GET", {}, "api"],
    ["POST", { "sec-fetch-mode": ["navigate"], accept: ["text/html"] }, "api"],
    // A preflight carries nothing of the request that it asks for.
    ["OPTIONS", { "access-control-request-method": ["GET"], "sec-fetch-mode": ["cors"], accept: ["*/*"] }, "document"],
    ["OPTIONS", {}, "api"],
    ["GET", { "access-control-request-method": ["GET"] }, "api"],
    ["GET", { accept: ["text/event-stream"] }, "stream"],
    ["POST", { accept: ["application/json, Text/Event-Stream"] }, "stream"],
    ["GET", { upgrade: ["websocket"] }, "stream"],
    ["GET", { "last-event-id": ["7"], accept: ["text/html"] }, "stream"],
  ])("%s with %j is %s", (method, given, kind) => {
    expect(requestKind({ method, ...factsOf(given) })).toBe(kind);
  });
});
