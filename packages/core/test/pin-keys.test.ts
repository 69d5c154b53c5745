import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PinClaims } from "../src/revisions/pin-keys.js";
import { createPinKeys } from "../src/revisions.js";
import { A, B, base64url, bytesOf, CLAIMS, judgements, NOW_MS, TOKEN } from "./pin-keys-support.js";

const service = "payments";
const open = (keys = [A]) => createPinKeys({ service, keys });

const SAFE = Number.MAX_SAFE_INTEGER;
/** Made by another program, from the description of the layout alone. */
const GOLDEN: readonly (readonly [string, string, PinClaims, string])[] = [
  ["a pin", "payments", CLAIMS, TOKEN],
  [
    "an override",
    "payments",
    {
      kind: "override",
      revision: "9fceb02d0ae598e95dc970b74767f19372d61af8",
      epoch: 7,
      expiresAtMs: 1_800_000_000_001,
    },
    "rp1.2026-11_b.Ad84Sul8d60wAWJqqwHy6yoAAAAAAAAABwAAAaMYXFABOWZjZWIwMmQwYWU1OThlOTVkYzk3MGI3NDc2N2YxOTM3MmQ2MWFmOA.OxQHPj4rQGDTyimpkTPUrc03KbGEPdFKKscTz0hzxTc",
  ],
  [
    "a revision that is shorter in UTF-16, the largest numbers, a service that is no ASCII, and a key of a bad name",
    "säule",
    { kind: "pin", revision: "修订版四十二", epoch: SAFE, expiresAtMs: SAFE },
    "rp1.__proto__.Ags6V1pizMV_so63DszfNDcAH________wAf________T-6LonJIVttTQU6M.J8zjh9Qd1ckG6q4wfSPGqv-8w2Jsaqyg-7W5FBvJRl0",
  ],
];
const KEYS = [A, B, { id: "__proto__", secret: A.secret }];

describe("a token", () => {
  it.each(GOLDEN)("is golden for %s", async (_, forService, claims, golden) => {
    const id = golden.split(".")[1];
    const keys = [...KEYS.filter((key) => key.id === id), ...KEYS.filter((key) => key.id !== id)];
    const ring = createPinKeys({ service: forService, keys });
    expect(await ring.sign(claims)).toBe(golden);
    expect(await createPinKeys({ service: forService, keys: KEYS }).verify(golden, NOW_MS)).toEqual({
      outcome: "pin",
      claims,
    });
  });

  it("says again, in whatever characters, what was signed, and needs no quoting", async () => {
    const keys = open([B]);
    const anyText = fc.string({ unit: "binary", minLength: 1, maxLength: 255 });
    const claims = fc.record({
      kind: fc.constantFrom("pin", "override"),
      revision: anyText.filter(({ length }) => length <= 255),
      epoch: fc.maxSafeNat(),
      expiresAtMs: fc.integer({ min: NOW_MS + 1, max: SAFE }),
    });
    await fc.assert(
      fc.asyncProperty(claims, async (given) => {
        const token = await keys.sign(given);
        expect(token).toMatch(/^[0-9A-Za-z._-]{1,1024}$/);
        expect(await keys.verify(token, NOW_MS)).toEqual({ outcome: "pin", claims: given });
      }),
    );
  });

  it("has at most 805 characters, which is less than are read", async () => {
    const keys = open([{ id: "k".repeat(32), secret: A.secret }]);
    const token = await keys.sign({ ...CLAIMS, revision: "\uffff".repeat(255) });
    expect(token).toHaveLength(805);
    expect(await keys.verify(token, NOW_MS)).toMatchObject({ outcome: "pin" });
  });

  it.each<[string, Partial<Record<keyof PinClaims, unknown>>, string]>([
    ["another kind", { kind: "session" }, 'kind must be "pin" or "override", got "session"'],
    ["no revision", { revision: "" }, 'revision must be a text of 1 to 255 characters, got ""'],
    ["256 characters", { revision: "r".repeat(256) }, `revision must be a text of 1 to 255 characters, got "r`],
    ["half a character", { revision: "\ud800" }, "revision must be a text of 1 to 255 characters, got "],
    ["an epoch below 0", { epoch: -1 }, "epoch must be a whole number, got -1"],
    ["half an epoch", { epoch: 0.5 }, "epoch must be a whole number, got 0.5"],
    ["an epoch too large", { epoch: SAFE + 1 }, "epoch must be a whole number, got 9007199254740992"],
    [
      "no expiry",
      { expiresAtMs: undefined },
      "expiresAtMs must be a whole number of epoch milliseconds, got undefined",
    ],
    ["no end", { expiresAtMs: Number.POSITIVE_INFINITY }, "expiresAtMs must be a whole number of epoch milliseconds"],
  ])("is not made of %s: a rejection with a TypeError that says so", async (_, wrong, message) => {
    const signing = open().sign({ ...CLAIMS, ...wrong } as PinClaims);
    await expect(signing).rejects.toThrow(TypeError);
    await expect(signing).rejects.toThrow(message);
  });
});

describe("verify()", () => {
  it("refuses a token in which any single bit is another one", async () => {
    const keys = open();
    const units = Array.from(TOKEN, (character) => character.charCodeAt(0));
    const flipped = units.flatMap((unit, at) =>
      Array.from({ length: 8 }, (_, bit) => {
        return TOKEN.slice(0, at) + String.fromCharCode(unit ^ (1 << bit)) + TOKEN.slice(at + 1);
      }),
    );
    expect(await judgements(keys, [TOKEN])).toEqual(["pin"]);
    const found = await judgements(keys, flipped);
    expect(flipped).toHaveLength(8 * TOKEN.length);
    expect(new Set(found)).toEqual(new Set(["malformed", "forged", "unknown-key"]));
  });

  it("refuses a payload or a tag in which any single bit is another one", async () => {
    const [version, id, payload = "", tag = ""] = TOKEN.split(".");
    const flips = (text: string) => {
      const bytes = bytesOf(text);
      return Array.from({ length: 8 * bytes.length }, (_, bit) =>
        base64url(bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))),
      );
    };
    const tags = flips(tag).map((other) => [version, id, payload, other].join("."));
    expect(new Set(await judgements(open(), tags))).toEqual(new Set(["forged"]));
    const payloads = flips(payload).map((other) => [version, id, other, tag].join("."));
    expect(new Set(await judgements(open(), payloads))).toEqual(new Set(["forged", "malformed"]));
  });

  it("refuses whatever is cut off a token or put to it, and the parts of two as one", async () => {
    const other = await open().sign({ ...CLAIMS, revision: "r43" });
    const cut = Array.from({ length: TOKEN.length }, (_, at) => TOKEN.slice(0, at));
    const cutInFront = Array.from({ length: TOKEN.length - 1 }, (_, at) => TOKEN.slice(at + 1));
    const joined = [
      `${TOKEN}${TOKEN}`,
      `${TOKEN}.${TOKEN}`,
      `${TOKEN},${other}`,
      `${TOKEN} `,
      ` ${TOKEN}`,
      `${TOKEN}\n`,
    ];
    const more = [
      `${TOKEN}=`,
      `${TOKEN}.`,
      `.${TOKEN}`,
      `${TOKEN}A`,
      `${TOKEN}\0`,
      `"${TOKEN}"`,
      TOKEN.replace("rp1", "rp2"),
    ];
    const found = await judgements(open(), [...cut, ...cutInFront, ...joined, ...more]);
    expect(new Set(found)).toEqual(new Set(["malformed"]));
    const parts = [TOKEN.split("."), other.split(".")] as const;
    const mixed = [parts[0].with(3, parts[1][3] ?? ""), parts[0].with(2, parts[1][2] ?? "")].map((each) =>
      each.join("."),
    );
    expect(await judgements(open(), [...mixed, other])).toEqual(["forged", "forged", "pin"]);
  });

  it("knows one spelling of a token: bits to spare, padding and the other alphabet are malformed", async () => {
    const keys = open();
    // The tag has two bits to spare, and a payload of 37 bytes four.
    const token = await keys.sign({ ...CLAIMS, revision: "r424" });
    const [version, id, payload = "", tag = ""] = token.split(".");
    const next = (text: string) => {
      const last = String.fromCharCode(text.charCodeAt(text.length - 1) + 1);
      return text.slice(0, -1) + last;
    };
    const spelled = (text: string) => base64url(bytesOf(text));
    expect([spelled(next(payload)), spelled(next(tag))]).toEqual([payload, tag]);
    const respelled = [
      [version, id, next(payload), tag],
      [version, id, payload, next(tag)],
      [version, id, `${payload}==`, tag],
      [version, id, payload, `${tag}=`],
      [version, id, payload, tag.replaceAll("-", "+").replaceAll("_", "/").padEnd(44, "=")],
      ["RP1", id, payload, tag],
    ].map((parts) => parts.join("."));
    expect(new Set(await judgements(keys, respelled))).toEqual(new Set(["malformed"]));
    expect(await judgements(keys, [token])).toEqual(["pin"]);
  });

  it("refuses a payload that the layout has no room for, before it asks who signed it", async () => {
    const payload = bytesOf(TOKEN.split(".")[2] ?? "");
    const changed = (at: number, ...bytes: readonly number[]) =>
      payload.map((byte, index) => bytes[index - at] ?? byte);
    const payloads: readonly Iterable<number>[] = [
      changed(0, 4),
      changed(17, 0, 32),
      changed(17, 255),
      changed(25, 255),
      payload.subarray(0, 33),
      [...payload, 0xff],
      [...payload.subarray(0, 33), 0xed, 0xa0, 0x80],
      // In UTF-16 though UTF-8 is shorter, in UTF-8 though UTF-16 is, half a unit, half a character.
      [2, ...payload.subarray(1, 33), 0, 0x72],
      [...payload.subarray(0, 33), ...new TextEncoder().encode("版")],
      [2, ...payload.subarray(1, 33), 0x72, 0x48, 0],
      [2, ...payload.subarray(1, 33), 0xd8, 0],
      [...payload.subarray(0, 33), ...new Uint8Array(256).fill(0x72)],
    ];
    const tokens = payloads.map((each) => `rp1.a.${base64url(each)}.${"A".repeat(43)}`);
    expect(await judgements(open(), tokens)).toEqual(tokens.map(() => "malformed"));
    const allowed = [payload, [...payload.subarray(0, 33), ...new Uint8Array(255).fill(0x72)]];
    const readable = allowed.map((each) => `rp1.a.${base64url(each)}.${"A".repeat(43)}`);
    expect(await judgements(open(), readable)).toEqual(["forged", "forged"]);
  });

  it.each<[string, unknown]>([
    ["8 KB", "a".repeat(8192)],
    ["8 KB that begin as a token", TOKEN.padEnd(8192, "A")],
    ["8 KB of points", ".".repeat(8192)],
    ["a token in the middle of 8 KB", `${"A".repeat(4000)}${TOKEN}${"A".repeat(4000)}`],
    ["1,025 characters", `rp1.a.${"A".repeat(1025 - 6 - 44)}.${"A".repeat(43)}`],
    ["nothing", ""],
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
    ["undefined", undefined],
    ["null", null],
    ["a number", 7],
    ["a list of one token", [TOKEN]],
    ["a boxed token", Object(TOKEN)],
    ["a symbol", Symbol("token")],
    ["what throws when it is looked at", new Proxy({}, { get: () => expect.fail("it was looked at") })],
  ])("%s is malformed, at once", async (_, token) => {
    expect(open().verify(token as string, NOW_MS)).toEqual({ outcome: "refused", why: "malformed" });
  });

  it("says that a key is unknown, whatever the id is called", () => {
    for (const id of ["b", "A", "__proto__", "constructor", "toString", "-", "a_"]) {
      const token = TOKEN.replace(".a.", `.${id}.`);
      expect(open().verify(token, NOW_MS)).toEqual({ outcome: "refused", why: "unknown-key" });
    }
  });

  it("refuses as forged what another secret of the same id has signed", async () => {
    const theirs = createPinKeys({ service, keys: [{ ...A, secret: B.secret }] });
    expect(await judgements(open(), [await theirs.sign(CLAIMS)])).toEqual(["forged"]);
  });

  it("refuses what was signed for another service, by the same key", async () => {
    const orders = createPinKeys({ service: "orders", keys: [A] });
    const token = await orders.sign({ ...CLAIMS, expiresAtMs: 1 });
    expect(await judgements(open(), [token, token])).toEqual(["audience", "audience"]);
  });

  it.each([
    [1_799_999_999_999, "pin"],
    [1_800_000_000_000, "refused"],
    [1_800_000_000_001, "refused"],
    [Number.NaN, "refused"],
    [Number.NEGATIVE_INFINITY, "refused"],
  ])("of a token that expires at 1,800,000,000,000 says at %d that it is %s, both times", async (nowMs, outcome) => {
    const keys = open();
    expect((await keys.verify(TOKEN, nowMs)).outcome).toBe(outcome);
    expect(await keys.verify(TOKEN, nowMs)).toEqual(
      outcome === "pin" ? { outcome, claims: CLAIMS } : { outcome, why: "expired" },
    );
  });

  it("gives claims of one shape, that nobody can change for those who come after", async () => {
    const keys = open();
    const first = await keys.verify(TOKEN, NOW_MS);
    const claims = first.outcome === "pin" ? first.claims : expect.fail("it was refused");
    expect(Object.keys(claims)).toEqual(["kind", "revision", "epoch", "expiresAtMs"]);
    expect(Object.getPrototypeOf(claims)).toBe(Object.prototype);
    expect(() => Object.assign(claims, { revision: "r1" })).toThrow(TypeError);
    expect(() => Object.assign(first, { claims: {} })).toThrow(TypeError);
    const proto = await keys.sign({ ...CLAIMS, revision: "__proto__" });
    expect(await keys.verify(proto, NOW_MS)).toEqual({ outcome: "pin", claims: { ...CLAIMS, revision: "__proto__" } });
    expect(await keys.verify(TOKEN, NOW_MS)).toEqual({ outcome: "pin", claims: CLAIMS });
  });
});
