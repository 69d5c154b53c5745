import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { filePins } from "../src/index.js";

const SEED = 20261123;
const directory = mkdtempSync(join(tmpdir(), "onceover-pins-"));
const path = join(directory, "pins.json");
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => rmSync(path, { recursive: true, force: true }));

/** What reading a file of this content rejects with. */
async function refusalOf(content: string | Uint8Array): Promise<string> {
  writeFileSync(path, content);
  return filePins({ path })().then(
    () => "nothing",
    (error: Error) => error.message,
  );
}

describe("filePins()", () => {
  it("reads the file anew at each call", async () => {
    const read = filePins({ path });
    writeFileSync(path, '{"schemaRev": 12, "indexHash": "9f2c"}');
    expect(await read()).toEqual({ schemaRev: 12, indexHash: "9f2c" });
    writeFileSync(path, '\ufeff{ "schemaRev": "13", "own": { "deep": [1] } }\n');
    expect(await read()).toEqual({ schemaRev: "13", own: { deep: [1] } });
  });

  it("while it is replaced by rename, each reading is one file or the other, whole", async () => {
    const contents = [1, 2].map((rev) => JSON.stringify({ schemaRev: rev, indexHash: String(rev).repeat(60_000) }));
    const read = filePins({ path });
    const replace = (round: number) => {
      writeFileSync(`${path}.new`, contents[round % 2] ?? "");
      renameSync(`${path}.new`, path);
    };
    replace(0);
    const seen = new Set<unknown>();
    for (let round = 1; round < 200; round++) {
      const reading = Promise.all([read(), read()]);
      replace(round);
      for (const { schemaRev, indexHash } of await reading) {
        expect(indexHash).toBe(String(schemaRev).repeat(60_000));
        seen.add(schemaRev);
      }
    }
    expect(seen).toEqual(new Set([1, 2]));
  });

  it("rejects where the file is absent, and reads it once it is there", async () => {
    const read = filePins({ path });
    const error: unknown = await read().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ cause: { code: "ENOENT" } });
    expect(String(error)).toContain(`the pins' file ${path} could not be read: ENOENT`);
    writeFileSync(path, "{}");
    expect(await read()).toEqual({});
  });

  it("rejects where the path is that of a directory", async () => {
    mkdirSync(path);
    await expect(filePins({ path })()).rejects.toThrow(`the pins' file ${path} could not be read: EISDIR`);
  });

  it("takes 64 KiB and not a byte more", async () => {
    const of = (bytes: number) => `{"indexHash":"${"x".repeat(bytes - 16)}"}`;
    writeFileSync(path, of(65_536));
    expect(await filePins({ path })()).toEqual({ indexHash: "x".repeat(65_520) });
    expect(await refusalOf(of(65_537))).toBe(`the pins' file ${path} must be of at most 65536 bytes`);
    expect(await refusalOf("x".repeat(5_000_000))).toBe(`the pins' file ${path} must be of at most 65536 bytes`);
  });

  it.each(["", " ", "{", '{"schemaRev": 12', "{}{}", "{'schemaRev': 12}", "schemaRev: 12", "undefined"])(
    "rejects where it holds no JSON, such as %j",
    async (content) => {
      expect(await refusalOf(content)).toContain(`the pins' file ${path} must hold a JSON object: `);
    },
  );

  it.each([
    ["[]", "a list"],
    ["null", "null"],
    ["12", "a number"],
    ["true", "a boolean"],
    ['"text"', "a string"],
  ])("rejects where it holds JSON that is no object, such as %s", async (content, got) => {
    expect(await refusalOf(content)).toBe(`the pins' file ${path} must hold a JSON object, got ${got}`);
  });

  it("rejects bytes that are not UTF-8 instead of reading other characters", async () => {
    expect(await refusalOf(Uint8Array.from([...Buffer.from('{"indexHash":"'), 0xff, ...Buffer.from('"}')]))).toContain(
      "must hold a JSON object: ",
    );
  });

  it("a name such as __proto__ is a name like any other", async () => {
    writeFileSync(path, '{"__proto__": {"schemaRev": 12}, "constructor": 1}');
    const pins = await filePins({ path })();
    expect(Object.keys(pins)).toEqual(["__proto__", "constructor"]);
    expect(pins.schemaRev).toBeUndefined();
  });

  it("gives what any JSON object says, and cut anywhere rejects", async () => {
    const holds = async (object: Readonly<Record<string, unknown>>, by: number) => {
      const text = JSON.stringify(object);
      writeFileSync(path, text);
      expect(JSON.stringify(await filePins({ path })())).toBe(text);
      expect(await refusalOf(text.slice(0, by % text.length))).toContain("must hold a JSON object");
    };
    const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 });
    await fc.assert(fc.asyncProperty(objects, fc.nat(), holds), { seed: SEED, numRuns: 200 });
  });

  it.each(["", " ", "a\0b", 5, undefined])("refuses the path %j and says why", (none) => {
    const message = `path must be the path of a file, got ${JSON.stringify(none)}`;
    expect(() => filePins({ path: none as string })).toThrow(new TypeError(message));
  });
});
