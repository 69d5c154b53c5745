import { describe, expect, it } from "vitest";
import type { PinKeys } from "../src/revisions/pin-keys.js";
import { createPinKeys } from "../src/revisions.js";
import { A, B, bytesOf, CLAIMS, judgements, NOW_MS, TOKEN } from "./pin-keys-support.js";

const service = "payments";
const open = (keys = [A]) => createPinKeys({ service, keys });

describe("keys that are rotated", () => {
  it("all verify, and the first signs", async () => {
    const [before, between, after] = [open([A, B]), open([B, A]), open([B])];
    const [old, young] = [await before.sign(CLAIMS), await between.sign(CLAIMS)];
    expect([old.split(".")[1], young.split(".")[1]]).toEqual(["a", "2026-11_b"]);
    expect(await judgements(before, [old, young])).toEqual(["pin", "pin"]);
    expect(await judgements(between, [old, young])).toEqual(["pin", "pin"]);
    expect(await judgements(after, [old, young])).toEqual(["unknown-key", "pin"]);
  });
});

describe("a token that comes again", () => {
  const isAtOnce = (keys: PinKeys, token: string) => !(keys.verify(token, NOW_MS) instanceof Promise);

  it("is judged at once, without cryptography, and its expiry anew", async () => {
    const keys = open();
    expect(isAtOnce(keys, TOKEN)).toBe(false);
    await keys.verify(TOKEN, NOW_MS);
    expect(keys.verify(TOKEN, NOW_MS)).toEqual({ outcome: "pin", claims: CLAIMS });
    expect(keys.verify(TOKEN, CLAIMS.expiresAtMs)).toEqual({ outcome: "refused", why: "expired" });
    expect(keys.verify(TOKEN, NOW_MS)).toEqual({ outcome: "pin", claims: CLAIMS });
  });

  it("is remembered only if it verified, and only as a whole", async () => {
    const keys = open();
    await keys.verify(TOKEN, NOW_MS);
    const forged = `${TOKEN.slice(0, -43)}${"A".repeat(43)}`;
    const orders = await createPinKeys({ service: "orders", keys: [A] }).sign(CLAIMS);
    for (const token of [forged, orders]) {
      await keys.verify(token, NOW_MS);
      expect(isAtOnce(keys, token)).toBe(false);
    }
  });

  it("is forgotten when a thousand others came since it was asked for, and not before", async () => {
    const keys = open();
    const others = await Promise.all(Array.from({ length: 1000 }, (_, epoch) => keys.sign({ ...CLAIMS, epoch })));
    const [last = "", first = "", ...rest] = others;
    const early = await keys.sign({ ...CLAIMS, revision: "early" });
    for (const token of [early, first, ...rest]) await keys.verify(token, NOW_MS);
    // All thousand are remembered; `early` is asked for, and so `first` is the oldest when one more comes.
    expect(isAtOnce(keys, early)).toBe(true);
    await keys.verify(last, NOW_MS);
    expect(isAtOnce(keys, first)).toBe(false);
    expect([early, last, ...rest].every((token) => isAtOnce(keys, token))).toBe(true);
  });

  it("is never forgotten as long as it is asked for before five hundred others were", async () => {
    const keys = open();
    await keys.verify(TOKEN, NOW_MS);
    for (let epoch = 1; epoch <= 2500; epoch += 1) {
      await keys.verify(await keys.sign({ ...CLAIMS, epoch }), NOW_MS);
      if (epoch % 499 === 0) expect(isAtOnce(keys, TOKEN)).toBe(true);
    }
  });
});

describe("options", () => {
  const list = "keys must be a list of at least one key, got ";
  const id = "keys[0].id must be 1 to 32 characters of [0-9A-Za-z_-], got ";
  const secret = "keys[0].secret must be at least 32 bytes, in a Uint8Array or in base64, got ";
  it.each<[string, unknown, string]>([
    ["no keys", undefined, `${list}undefined`],
    ["an empty list", [], `${list}a list of 0`],
    ["a secret in place of keys", A.secret, `${list}a text of 44 characters`],
    ["nothing in the list", [undefined], `${id}undefined`],
    ["null in the list", [null], `${id}undefined`],
    ["an empty id", [{ ...A, id: "" }], `${id}a text of 0 characters`],
    ["an id of 33 characters", [{ ...A, id: "k".repeat(33) }], `${id}a text of 33 characters`],
    ["an id with a point", [{ ...A, id: "a.b" }], `${id}a text of 3 characters`],
    ["an id that is a secret", [{ id: A.secret, secret: "a" }], `${id}a text of 44 characters`],
    ["no secret", [{ id: "a" }], `${secret}undefined`],
    ["31 bytes", [{ id: "a", secret: new Uint8Array(31) }], `${secret}31 bytes`],
    ["31 bytes in base64", [{ id: "a", secret: base64("A", 31) }], `${secret}a text of 44 characters`],
    ["an empty secret", [{ id: "a", secret: "" }], `${secret}a text of 0 characters`],
    ["a pass phrase", [{ id: "a", secret: "correct horse battery staple" }], `${secret}a text of 28 characters`],
    ["base64url", [{ id: "a", secret: "-_".repeat(32) }], `${secret}a text of 64 characters`],
    ["no padding", [{ id: "a", secret: String(A.secret).slice(0, -1) }], `${secret}a text of 43 characters`],
    ["bits to spare", [{ id: "a", secret: String(A.secret).replace("8=", "9=") }], `${secret}a text of 44 characters`],
    ["an id twice", [A, { ...B, id: "a" }], "keys[1].id must be of its own, got that of another key"],
  ])("%s is a TypeError that shows no byte of a secret", (_, keys, message) => {
    expect(() => createPinKeys({ service, keys: keys as never })).toThrow(new TypeError(message));
  });

  it.each<[string, unknown, string]>([
    ["no service", undefined, "service must be a name of 1 to 255 characters, got undefined"],
    ["an empty service", "", 'service must be a name of 1 to 255 characters, got ""'],
    ["half a character", "\udc00", "service must be a name of 1 to 255 characters, got "],
  ])("%s is a TypeError", (_, wrong, message) => {
    const create = () => createPinKeys({ service: wrong as never, keys: [A] });
    expect(create).toThrow(TypeError);
    expect(create).toThrow(message);
  });

  it.each([32, 33, 34, 64, 100])("a secret of %d bytes is the same in base64", async (bytes) => {
    const keys = open([{ id: "a", secret: base64("s", bytes) }]);
    const same = open([{ id: "a", secret: new Uint8Array(bytes).fill(0x73) }]);
    expect(await keys.sign(CLAIMS)).toBe(await same.sign(CLAIMS));
  });

  it("a secret may be wiped or changed once it was given", async () => {
    const bytes = bytesOf(String(A.secret));
    const keys = open([{ id: "a", secret: bytes }]);
    bytes.fill(0);
    expect(await keys.sign(CLAIMS)).toBe(TOKEN);
  });
});

function base64(character: string, times: number): string {
  return btoa(character.repeat(times));
}
