import { describe, expect, it } from "vitest";
import { type EncryptionKey, encryptRecords } from "../src/encryption.js";
import { memoryStore } from "../src/memory-store.js";
import type { Fingerprint, OwnerToken, Store, StoreKey } from "../src/store.js";

const A: EncryptionKey = { id: "a", key: new Uint8Array(32).fill(1) };
const B: EncryptionKey = { id: "b", key: new Uint8Array(32).fill(2) };
const KEY = "k".repeat(43) as StoreKey;
const TOKEN = "token" as OwnerToken;
const ANSWER = new TextEncoder().encode("the answer");

async function put(store: Store): Promise<void> {
  await store.acquire({
    key: KEY,
    token: TOKEN,
    fingerprint: "t1:x" as Fingerprint,
    leaseMs: 1_000,
    retentionMs: 60_000,
  });
  expect(await store.complete(KEY, TOKEN, ANSWER, 60_000)).toBe("ok");
}

describe("keys", () => {
  const list = "keys must be a list of at least one key, got ";
  const id = "keys[0].id must be 1 to 32 characters of [0-9A-Za-z._-], got ";
  const key = "keys[0].key must be 32 bytes, in a Uint8Array or in base64, got ";
  const text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  it.each<[string, unknown, string]>([
    ["no keys", undefined, `${list}undefined`],
    ["an empty list", [], `${list}a list of 0`],
    ["a key outside a list", A, `${list}a value of type object`],
    ["nothing in the list", [undefined], `${id}undefined`],
    ["an empty id", [{ ...A, id: "" }], `${id}a text of 0 characters`],
    ["an id with a space", [{ ...A, id: "a b" }], `${id}a text of 3 characters`],
    ["an id that is a key", [{ id: text, key: "a" }], `${id}a text of 44 characters`],
    ["an id that is no text", [{ ...A, id: 7 }], `${id}a value of type number`],
    ["no key", [{ id: "a" }], `${key}undefined`],
    ["31 bytes", [{ id: "a", key: new Uint8Array(31) }], `${key}31 bytes`],
    ["33 bytes", [{ id: "a", key: new Uint8Array(33) }], `${key}33 bytes`],
    ["a pass phrase", [{ id: "a", key: "correct horse battery staple" }], `${key}a text of 28 characters`],
    ["hexadecimal", [{ id: "a", key: "0f".repeat(32) }], `${key}a text of 64 characters`],
    ["base64url", [{ id: "a", key: text.replace("+", "-").replace("=", "") }], `${key}a text of 43 characters`],
    ["base64 with bits to spare", [{ id: "a", key: text.replace("8=", "9=") }], `${key}a text of 44 characters`],
    ["an id twice", [A, { ...B, id: "a" }], "keys[1].id must be of its own, got that of another key"],
  ])("%s is a TypeError that shows no byte of a key", (_, keys, message) => {
    expect(() => encryptRecords(memoryStore(), { keys: keys as never })).toThrow(new TypeError(message));
  });

  it("a key may be wiped or changed once it was given", async () => {
    const bytes = new Uint8Array(32).fill(1);
    const memory = memoryStore();
    const store = encryptRecords(memory, { keys: [{ id: "a", key: bytes }] });
    bytes.fill(0);
    await put(store);
    expect(await encryptRecords(memory, { keys: [A] }).read(KEY)).toEqual({ outcome: "done", record: ANSWER });
  });

  it("bytes and base64 are the same key", async () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, index) => index);
    const memory = memoryStore();
    await put(encryptRecords(memory, { keys: [{ id: "2026-11", key: text }] }));
    const other = encryptRecords(memory, { keys: [{ id: "2026-11", key: bytes }] });
    expect(await other.read(KEY)).toEqual({ outcome: "done", record: ANSWER });
  });
});
