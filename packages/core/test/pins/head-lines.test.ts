import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sharingOf, stampLines, varyLine } from "../../src/pins/head-lines.js";
import { pinName } from "../../src/pins/pin-names.js";

const reader =
  (headers: Readonly<Record<string, string>>) =>
  (name: string): string | undefined =>
    headers[name];

describe("sharingOf()", () => {
  it.each([
    ["GET", 200, {}, "unsaid"],
    ["HEAD", 200, {}, "unsaid"],
    ["GET", 404, {}, "unsaid"],
    ["GET", 301, {}, "unsaid"],
    ["GET", 302, {}, "forbidden"],
    ["GET", 307, {}, "forbidden"],
    ["GET", 412, {}, "forbidden"],
    ["GET", 503, {}, "forbidden"],
    ["POST", 200, {}, "forbidden"],
    ["DELETE", 204, {}, "forbidden"],
    ["GET", 200, { "cache-control": "no-store" }, "forbidden"],
    ["GET", 200, { "cache-control": "max-age=60, No-Store" }, "forbidden"],
    ["GET", 200, { "cache-control": "private" }, "forbidden"],
    ["GET", 200, { "cache-control": "public,private" }, "forbidden"],
    // Of some fields only: the answer itself may be kept.
    ["GET", 200, { "cache-control": 'private="set-cookie", max-age=60' }, "allowed"],
    ["GET", 200, { "cache-control": 'private="set-cookie"' }, "unsaid"],
    ["GET", 200, { "cache-control": "no-cache" }, "unsaid"],
    ["GET", 200, { "cache-control": "public" }, "allowed"],
    ["POST", 201, { "cache-control": "PUBLIC, max-age=60" }, "allowed"],
    ["GET", 503, { "cache-control": "max-age=5" }, "allowed"],
    ["GET", 200, { "cache-control": "s-maxage=5" }, "allowed"],
    ["GET", 200, { "cache-control": "must-revalidate" }, "allowed"],
    ["GET", 200, { "cache-control": "stale-if-error=5" }, "allowed"],
    ["GET", 200, { expires: "0" }, "allowed"],
    ["POST", 200, { "surrogate-control": "max-age=5" }, "allowed"],
    ["GET", 200, { expires: "0", "cache-control": "private" }, "forbidden"],
  ] as const)("%s %i with %j: %s", (method, status, headers, sharing) => {
    expect(sharingOf(method, status, reader(headers))).toBe(sharing);
  });

  it("forbids whatever says no-store or private, and never more than that by what else is said", () => {
    const directive = fc.constantFrom("public", "max-age=60", "s-maxage=5", "no-cache", "no-transform", "immutable");
    fc.assert(
      fc.property(
        fc.array(directive, { maxLength: 4 }),
        fc.constantFrom("no-store", "private", "No-Store", "PRIVATE"),
        fc.nat(4),
        fc.constantFrom(",", ", ", " , "),
        (others, forbids, at, comma) => {
          const control = [...others.slice(0, at), forbids, ...others.slice(at)].join(comma);
          expect(sharingOf("GET", 200, reader({ "cache-control": control }))).toBe("forbidden");
          expect(sharingOf("GET", 200, reader({ "cache-control": others.join(comma) }))).not.toBe("forbidden");
        },
      ),
    );
  });

  it("never throws", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer(), fc.string(), (method, status, control) => {
        expect(["allowed", "unsaid", "forbidden"]).toContain(
          sharingOf(method, status, reader({ "cache-control": control })),
        );
      }),
    );
  });
});

describe("varyLine()", () => {
  it.each([
    [undefined, ["a", "B"], "a, B"],
    ["", ["a"], "a"],
    ["Accept-Encoding", ["a"], "Accept-Encoding, a"],
    ["A , accept", ["a", "b"], "A , accept, b"],
    ["*", ["a"], "*"],
    ["accept, *", ["a"], "*"],
  ])("%j with %j is %j", (vary, names, line) => {
    expect(varyLine(vary, names)).toEqual(["Vary", line]);
  });

  it("names everything that it was given, once, and changes nothing by being asked again", () => {
    const name = fc.constantFrom("Accept", "accept", "Schema-Rev", "schema-rev", "Cookie", "origin");
    fc.assert(
      fc.property(
        fc.array(name),
        fc.uniqueArray(name, { selector: (each) => each.toLowerCase() }),
        (present, names) => {
          const [, line] = varyLine(present.join(", "), names);
          const said = line.toLowerCase().split(", ");
          for (const each of [...present, ...names]) expect(said).toContain(each.toLowerCase());
          expect(line.startsWith(present.join(", "))).toBe(true);
          expect(varyLine(line, names)).toEqual(["Vary", line]);
        },
      ),
    );
  });
});

describe("stampLines()", () => {
  const names = ["schemaRev", "indexHash", "corpusRev"].map(pinName);
  const about = [
    ["Revision", "r2"],
    ["Release", "rel-7"],
  ] as const;

  it("says revision, release and every pin the backend has, with the prefix of schema revisions", () => {
    const stamp = stampLines({ about, names, prefix: "sc-", varies: [] });
    expect(stamp({ schemaRev: 12, indexHash: "B", other: 1 })).toEqual([
      ["Revision", "r2"],
      ["Release", "rel-7"],
      ["Schema-Rev", "sc-12"],
      ["Index-Hash", "B"],
    ]);
    expect(stamp({ corpusRev: false })).toEqual([
      ["Revision", "r2"],
      ["Release", "rel-7"],
      ["Corpus-Rev", "false"],
    ]);
  });

  it("adds Vary to the answer's own, where it is told of one", () => {
    const stamp = stampLines({ about: [], names, prefix: "", varies: ["schema-rev", "Cookie"] });
    expect(stamp({}, { own: "cookie" })).toEqual([["Vary", "cookie, schema-rev"]]);
    expect(stamp({}, { own: undefined })).toEqual([["Vary", "schema-rev, Cookie"]]);
    expect(stamp({})).toEqual([]);
  });

  it("makes the lines once for what stays the same, and never gives those of something else", () => {
    const stamp = stampLines({ about: [], names, prefix: "", varies: ["a"] });
    const [one, two] = [{ schemaRev: 1 }, { schemaRev: 2 }];
    expect(stamp(one)).toBe(stamp(one));
    expect(stamp(one, { own: "b" })).toBe(stamp(one, { own: "b" }));
    expect(stamp(two)).toEqual([["Schema-Rev", "2"]]);
    expect(stamp(two, { own: "b" })).toEqual([
      ["Schema-Rev", "2"],
      ["Vary", "b, a"],
    ]);
    expect(stamp(one, { own: undefined })).toEqual([
      ["Schema-Rev", "1"],
      ["Vary", "a"],
    ]);
  });
});
