import { expect } from "vitest";
import { newService, type RegistryCase, textsOf } from "./registry-harness.js";
import { MINUTE_MS } from "./store-harness.js";

const ID_CHARS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-";
const LONGEST = 16_384;

/** Ids that mean something to JavaScript, to a path or to a pattern, and must mean nothing here. */
const TRICKY_IDS = ["__proto__", "constructor", "toString", "hasOwnProperty", "..", "a.b", "a_b", "a-b", "0", "00"];

/** Texts that come back changed from whatever takes them for something else than text. */
const TRICKY_TEXTS: readonly string[] = [
  "",
  " ",
  " begins and ends with blanks ",
  "two\r\nlines\n",
  `'single', "double", \`back\`, \\slash\\, %s, $1, {{}}, ]]`,
  '{"schemaRev":12,"list":[]}',
  "null",
  "true",
  "007",
  "1e3",
  "12345678901234567890",
  "\u0001\u001f\u007f\u0080\u00ff",
  "\ufeffbegins with a mark",
  "\u2028\u2029\ufffd\uffff",
  "é is not e\u0301",
  "日本語, עברית, 𝒜, 👩‍👩‍👧, \u{10ffff}",
];

/** What texts and ids may hold, and whose they are. */
export const REGISTRY_TEXT_CASES: readonly RegistryCase[] = [
  {
    rule: "a service that nothing was written to has an empty list",
    async run({ registry }) {
      expect(await registry.list(newService())).toEqual([]);
    },
  },
  {
    rule: "write() is seen by another client, and write() over a text replaces it",
    async run({ registry, second }) {
      const [service, other] = [newService(), await second()];
      await registry.write(service, "r1", "first", MINUTE_MS);
      expect(await textsOf(other, service)).toEqual(new Map([["r1", "first"]]));
      await other.write(service, "r1", "second", MINUTE_MS);
      expect(await textsOf(registry, service)).toEqual(new Map([["r1", "second"]]));
    },
  },
  {
    rule: "services do not see each other, however alike their names",
    async run({ registry }) {
      const service = `aB${newService().slice(2)}`;
      const services = [service, `ab${service.slice(2)}`, `${service.slice(0, -1)}-`, `${service.slice(0, -1)}_`];
      const own = [...new Set(services)];
      for (const one of own) await registry.write(one, "r1", `text of ${one}`, MINUTE_MS);
      for (const one of own) expect(await textsOf(registry, one)).toEqual(new Map([["r1", `text of ${one}`]]));
      expect(await registry.remove(service, "r1")).toBe("ok");
      expect(await registry.count(service, "epoch", MINUTE_MS)).toBe(1);
      for (const one of own.slice(1)) expect([...(await textsOf(registry, one)).keys()]).toEqual(["r1"]);
    },
  },
  {
    rule: "ids of each allowed character, of 1 and of 64, are ids of their own, upper and lower case apart",
    async run({ registry }) {
      const ids = [...ID_CHARS, ...[...ID_CHARS].map((char) => char.repeat(64)), ID_CHARS.slice(0, 64)];
      await expectKept(registry, new Map(ids.map((id) => [id, `text of ${id}`])));
    },
  },
  {
    rule: "ids such as __proto__ and constructor are ids like any other, for every verb",
    async run({ registry }) {
      const texts = new Map(TRICKY_IDS.map((id) => [id, `text of ${id}`]));
      const service = await expectKept(registry, texts);
      for (const id of TRICKY_IDS) {
        expect(await registry.count(service, id, MINUTE_MS)).toBe(1);
        expect(await registry.count(service, id, MINUTE_MS)).toBe(2);
        expect(await registry.remove(service, id)).toBe("ok");
        expect(await registry.remove(service, id)).toBe("none");
      }
      expect(await registry.list(service)).toEqual([]);
    },
  },
  {
    rule: "texts come back character by character: none at all, blanks, quotes, numbers, control characters, all of Unicode",
    async run({ registry }) {
      await expectKept(registry, new Map(TRICKY_TEXTS.map((text, index) => [`t${index}`, text])));
    },
  },
  {
    rule: "texts of 16,384 characters come back whole, of one, two, three and four bytes each",
    async run({ registry }) {
      const texts = ["a", "é", "€", "😀"].map((char) => char.repeat(LONGEST / char.length));
      await expectKept(registry, new Map(texts.map((text, index) => [`t${index}`, text])));
    },
  },
  {
    rule: "remove() answers ok for a text that was there and none for one that was not, and leaves the others",
    async run({ registry, second }) {
      const [service, other] = [newService(), await second()];
      for (const id of ["r1", "r2"]) await registry.write(service, id, "text", MINUTE_MS);
      expect(await other.remove(service, "r1")).toBe("ok");
      expect(await registry.remove(service, "r1")).toBe("none");
      expect(await registry.remove(newService(), "r2")).toBe("none");
      expect([...(await textsOf(registry, service)).keys()]).toEqual(["r2"]);
    },
  },
];

/** Writes texts to a fresh service and reads exactly these. */
async function expectKept(
  registry: Parameters<typeof textsOf>[0],
  texts: ReadonlyMap<string, string>,
): Promise<string> {
  const service = newService();
  for (const [id, text] of texts) await registry.write(service, id, text, MINUTE_MS);
  const found = await textsOf(registry, service);
  expect([...found.keys()].sort()).toEqual([...texts.keys()].sort());
  for (const [id, text] of texts) expect(found.get(id), id).toBe(text);
  return service;
}
