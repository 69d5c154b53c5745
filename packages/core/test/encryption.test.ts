import { describeStore, type StoreHarness } from "@onceover/conformance";
import { describe, expect, it } from "vitest";
import { seal } from "../src/encrypted-record.js";
import { type EncryptionKey, encryptRecords } from "../src/encryption.js";
import { encryptionKeyRing } from "../src/encryption-keys.js";
import { memoryStore } from "../src/memory-store.js";
import type { Begun, Fingerprint, OwnerToken, Store, StoreKey, Transaction } from "../src/store.js";
import { openHouse, problem, seen } from "./support.js";

const DAY_MS = 86_400_000;
const A: EncryptionKey = { id: "a", key: new Uint8Array(32).fill(1) };
const B: EncryptionKey = { id: "b", key: new Uint8Array(32).fill(2) };
const KEY = "golden-key-golden-key-golden-key-golden-key" as StoreKey;
const OTHER_KEY = "golden-key-golden-key-golden-key-golden-kez" as StoreKey;
const TOKEN = "token" as OwnerToken;

/** AES-256-GCM by another implementation: key 00…1f named "2026-11", nonce 00…0b, `KEY`, "the answer". */
const GOLDEN_KEY: EncryptionKey = { id: "2026-11", key: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" };
const GOLDEN = "e107323032362d3131000102030405060708090a0b336ab33ba48bb16ce833668b0491c66e5ead0f84d2cd69851afe";

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const ANSWER = utf8("the answer");

function asking(key: StoreKey, token = TOKEN) {
  return { key, token, fingerprint: "t1:x" as Fingerprint, leaseMs: 60_000, retentionMs: DAY_MS };
}

/** Puts the bytes of a done record where a store has them. */
async function put(store: Store, record: Uint8Array, key = KEY): Promise<void> {
  await store.acquire(asking(key));
  expect(await store.complete(key, TOKEN, record, DAY_MS)).toBe("ok");
}

/** The bytes that a store has. */
async function rawOf(store: Store, key = KEY): Promise<Uint8Array> {
  const found = await store.read(key);
  if (found.outcome !== "done") throw new Error(`expected a done record, got ${found.outcome}`);
  return found.record;
}

/** The bytes that `ANSWER` becomes under `keys`. */
async function encrypted(keys: readonly EncryptionKey[] = [A], record = ANSWER): Promise<Uint8Array> {
  const memory = memoryStore();
  await put(encryptRecords(memory, { keys }), record);
  return rawOf(memory);
}

function openEncrypted(maxBytes?: number): StoreHarness {
  let nowMs = 1_700_000_000_000;
  const memory = memoryStore({ nowMs: () => nowMs, ...(maxBytes === undefined ? {} : { maxBytes }) });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  // The other handle has the keys in another order, as a process does while they are rotated.
  const second = async () => encryptRecords(memory, { keys: [B, A] });
  return { store: encryptRecords(memory, { keys: [A, B] }), second, advance, close: () => memory.close() };
}

describeStore("memory under encryption", {
  capabilities: { tier: "T0", durable: false },
  open: async () => openEncrypted(),
  openSmall: async () => openEncrypted(1024 * 1024),
});

describe("an encrypted record", () => {
  it("golden: begins with its layout, the key's id and the nonce, and is what another implementation makes", async () => {
    const nonce = Uint8Array.from({ length: 12 }, (_, index) => index);
    expect(hex(await seal(encryptionKeyRing([GOLDEN_KEY]).first, KEY, ANSWER, nonce))).toBe(GOLDEN);
  });

  it("golden: is read as it was written by this release's first", async () => {
    const memory = memoryStore();
    await put(memory, new Uint8Array(Buffer.from(GOLDEN, "hex")));
    const found = await encryptRecords(memory, { keys: [A, GOLDEN_KEY] }).read(KEY);
    expect(found).toEqual({ outcome: "done", record: ANSWER });
  });

  it("has nothing of the plain bytes in it", async () => {
    const bytes = hex(await encrypted());
    expect(bytes).not.toContain(hex(ANSWER));
    expect(bytes).not.toContain(hex(ANSWER).slice(0, 8));
  });

  it.each([0, 1, 10, 65_536, 1_048_576])("of %i bytes is 30 bytes and the key's id longer", async (length) => {
    const id = "a-key-of-november";
    expect(await encrypted([{ ...A, id }], new Uint8Array(length))).toHaveLength(length + 30 + id.length);
  });

  it("is never the same twice: each has a nonce of its own", async () => {
    const made = await Promise.all(Array.from({ length: 200 }, () => encrypted()));
    expect(new Set(made.map((bytes) => hex(bytes.subarray(3, 15)))).size).toBe(200);
    expect(new Set(made.map(hex)).size).toBe(200);
  });

  it("is read out of a view into a larger buffer, and from memory that is shared", async () => {
    const bytes = await encrypted();
    const inside = new Uint8Array(bytes.length + 20);
    inside.set(bytes, 7);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    for (const record of [inside.subarray(7, 7 + bytes.length), shared]) {
      const odd: Store = { ...memoryStore(), read: async () => ({ outcome: "done", record }) };
      expect(await encryptRecords(odd, { keys: [A] }).read(KEY)).toEqual({ outcome: "done", record: ANSWER });
    }
  });
});

describe("a record that does not decrypt", () => {
  const wrong: EncryptionKey = { id: "a", key: new Uint8Array(32).fill(9) };
  const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
  const cases: readonly [string, readonly EncryptionKey[], () => Promise<Uint8Array>][] = [
    ["whose key is not in keys", [B], () => encrypted()],
    ["whose id has another key", [wrong], () => encrypted()],
    ["that was never encrypted", [A], async () => utf8("\u0001\u0000\u0000 as core writes it")],
    ["of no bytes", [A], async () => new Uint8Array(0)],
    ["of one byte", [A], async () => Uint8Array.of(0xe1)],
    ["of a later layout", [A], async () => Uint8Array.of(0xe2, ...(await encrypted()).subarray(1))],
    ["cut at its end", [A], async () => (await encrypted()).slice(0, -1)],
    ["with a byte too many", [A], async () => Uint8Array.of(...(await encrypted()), 0)],
    ["of another store key", [A], async () => seal(encryptionKeyRing([A]).first, OTHER_KEY, ANSWER)],
  ];

  it.each(cases)("%s is record-unreadable to read, acquire and begin", async (_, keys, make) => {
    const memory = memoryStore();
    await put(memory, await make());
    const store = encryptRecords(withTransactions(memory).store, { keys });
    const other = asking(KEY, "other" as OwnerToken);
    for (const call of [() => store.read(KEY), () => store.acquire(other), () => store.begin?.(other, 0)]) {
      await expect(call()).rejects.toMatchObject({ name: "OnceoverError", code: "record-unreadable" });
    }
  });

  it("with any one bit turned, wherever it is, is record-unreadable", async () => {
    const bytes = await encrypted();
    for (let at = 0; at < bytes.length; at++) {
      const memory = memoryStore();
      await put(memory, flipped(bytes, at));
      await expect(encryptRecords(memory, { keys: [A, B] }).read(KEY)).rejects.toMatchObject({
        code: "record-unreadable",
      });
    }
  });

  it("is two records that changed places: both are record-unreadable, and neither is shown under the other's key", async () => {
    const memory = memoryStore();
    const store = encryptRecords(memory, { keys: [A] });
    for (const key of [KEY, OTHER_KEY]) await put(store, utf8(`for ${key}`), key);
    const swapped = { [KEY]: await rawOf(memory, OTHER_KEY), [OTHER_KEY]: await rawOf(memory, KEY) };
    const moved: Store = { ...memory, read: async (key) => ({ outcome: "done", record: swapped[key] ?? ANSWER }) };
    for (const key of [KEY, OTHER_KEY]) {
      await expect(encryptRecords(moved, { keys: [A] }).read(key)).rejects.toMatchObject({ code: "record-unreadable" });
    }
  });

  it("can be forgotten: nothing of it has to be read for that", async () => {
    const memory = memoryStore();
    await put(memory, await encrypted([B]));
    const store = encryptRecords(memory, { keys: [A] });
    expect(await store.forget(KEY)).toBe("ok");
    expect(await store.acquire(asking(KEY))).toMatchObject({ outcome: "acquired", attempt: 1 });
  });

  it("is refused 503 record-unreadable, and nothing runs, where a store down would be run past", async () => {
    const memory = memoryStore();
    const house = await openHouse({ store: encryptRecords(memory, { keys: [A] }) });
    await house.pay();
    const without = house.another({ store: encryptRecords(memory, { keys: [B] }) });
    const refused = await without.send({}, { onStoreDown: "run" });
    expect(problem(refused)).toMatchObject({ status: 503, code: "record-unreadable", executed: false });
    expect(seen(await house.another({ store: encryptRecords(memory, { keys: [B, A] }) }).send())).toMatchObject({
      status: 201,
      headers: { "Idempotency-Replayed": "true" },
    });
  });

  it("is unreadable, too, to a service that does not know of encryption", async () => {
    const memory = memoryStore();
    const house = await openHouse({ store: encryptRecords(memory, { keys: [A] }) });
    await house.pay();
    const plain = house.another({ store: memory });
    expect(problem(await plain.send())).toMatchObject({ code: "record-unreadable", executed: false });
  });
});

describe("rotation", () => {
  it("step by step, processes of one step read what those of the next one write, and the other way round", async () => {
    const steps = [[A], [A, B], [B, A], [B]];
    for (const [index, keys] of steps.slice(1).entries()) {
      const before = steps[index] ?? [];
      for (const [writes, reads] of [[before, keys] as const, [keys, before] as const]) {
        const memory = memoryStore();
        await put(encryptRecords(memory, { keys: writes }), ANSWER);
        expect(await encryptRecords(memory, { keys: reads }).read(KEY)).toEqual({ outcome: "done", record: ANSWER });
      }
    }
  });

  it("the first key encrypts, and no other", async () => {
    const [first, second] = [await encrypted([A, B]), await encrypted([B, A])];
    expect([first[2], second[2]]).toEqual(["a".charCodeAt(0), "b".charCodeAt(0)]);
  });
});

describe("what is passed on", () => {
  it("is everything else as it is: watch and begin where the store has them, and only there", async () => {
    const plain = encryptRecords(memoryStore(), { keys: [A] });
    expect("watch" in plain || "begin" in plain).toBe(false);
    const inner: Store = { ...withTransactions(memoryStore()).store, watch: async () => () => {} };
    const full = encryptRecords(inner, { keys: [A] });
    expect([typeof full.watch, typeof full.begin]).toEqual(["function", "function"]);
    expect(full.name).toBe("memory");
    expect(await full.verify()).toEqual(await inner.verify());
  });

  it("is called as a method: a store may be a class", async () => {
    class Kept {
      readonly name = "kept";
      readonly inner = withTransactions(memoryStore()).store;
      watch(): Promise<() => void> {
        return Promise.resolve(() => void this.inner);
      }
      begin(...args: Parameters<NonNullable<Store["begin"]>>): Promise<Begun> {
        return this.inner.begin?.(...args) ?? Promise.reject(new Error("no begin"));
      }
    }
    const kept = Object.assign(new Kept(), { ...memoryStore(), name: "kept" });
    const store = encryptRecords(kept, { keys: [A] });
    (await store.watch?.(KEY, () => {}))?.();
    expect(await store.begin?.(asking(KEY), 0)).toMatchObject({ outcome: "acquired" });
  });

  it("of a transaction: client, renew and abandon; complete is given the record encrypted", async () => {
    const memory = memoryStore();
    const { store, calls } = withTransactions(memory);
    const begun = await encryptRecords(store, { keys: [A] }).begin?.(asking(KEY), 5);
    if (begun?.outcome !== "acquired") throw new Error("expected a transaction");
    expect(begun).toMatchObject({ fence: expect.any(Number), attempt: 1, transaction: { client: "the client" } });
    await begun.transaction.renew();
    expect(await begun.transaction.complete(ANSWER, DAY_MS)).toBe("ok");
    await begun.transaction.abandon();
    expect(calls).toEqual(["begin 5", "renew", "complete", "abandon"]);
    expect(hex(await rawOf(memory))).not.toContain(hex(ANSWER));
    const again = await encryptRecords(store, { keys: [A] }).begin?.(asking(KEY, "other" as OwnerToken), 5);
    expect(again).toEqual({ outcome: "done", record: ANSWER });
  });
});

/** A store with transactions that are none, and what was asked of them. */
function withTransactions(inner: Store): { readonly store: Store; readonly calls: string[] } {
  const calls: string[] = [];
  const transaction = ({ key, token }: ReturnType<typeof asking>): Transaction => ({
    client: "the client",
    async renew() {
      calls.push("renew");
      return "ok";
    },
    async complete(record, retentionMs) {
      calls.push("complete");
      await inner.complete(key, token, record, retentionMs);
      return "ok";
    },
    abandon: async () => void calls.push("abandon"),
  });
  const store: Store = {
    ...inner,
    async begin(request, waitMs) {
      calls.push(`begin ${waitMs}`);
      const found = await inner.acquire(request);
      return found.outcome === "acquired" ? { ...found, transaction: transaction(request) } : found;
    },
  };
  return { store, calls };
}
