/**
 * What is kept in stores today, byte for byte: a release finds there what the one before it wrote, and what the one after it
 * wrote if it is rolled back. Where a test here turns red, the new bytes are a new version of the format: give it the next
 * number, go on reading this one, and add to the file beside what it holds.
 */
import { readFileSync } from "node:fs";
import type { Fingerprint, OwnerToken, Store, StoreKey } from "@onceover/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runtime } from "../packages/core/src/platform.js";
import { decodeRecord, encodeRecord, type RunRecord } from "../packages/core/src/record.js";
import { storeKey } from "../packages/core/src/scope.js";
import { type Stored, VAULTS, type Vault } from "./src/vaults.js";

interface Golden {
  readonly nowMs: number;
  readonly keys: readonly { service: string; scope: readonly string[]; key: string; storeKey: StoreKey }[];
  readonly records: Readonly<
    Record<"answer" | "too-large" | "cut" | "unrecordable", { record: object; bytes: string }>
  >;
  readonly claim: { token: OwnerToken; fingerprint: Fingerprint; leaseMs: number; retentionMs: number };
  readonly stored: Readonly<Record<"redis" | "lmdb" | "postgres", Readonly<Record<string, Stored>>>>;
}

const golden: Golden = JSON.parse(readFileSync(new URL("./golden/records.json", import.meta.url), "utf8"));
const { nowMs, claim } = golden;
const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));

describe("records", () => {
  it.each(Object.entries(golden.records))("%s: written and read as ever", (_, { record, bytes }) => {
    const given = recordOf(record);
    expect(Buffer.from(encodeRecord(given)).toString("base64")).toBe(bytes);
    expect(decodeRecord(bytesOf(bytes))).toEqual({ outcome: "record", record: given });
  });

  /** JSON has no bytes: chunks are Base64 in it. */
  function recordOf(json: object): RunRecord {
    const { chunks, ...rest } = json as { readonly chunks?: readonly string[] };
    return { ...rest, ...(chunks && { chunks: chunks.map(bytesOf) }) } as RunRecord;
  }
});

it.each(golden.keys)(
  "the store key of $service, $scope, $key: made as ever",
  async ({ service, scope, key, ...made }) => {
    expect(await storeKey(runtime.sha256, service, scope, key)).toBe(made.storeKey);
  },
);

const [running, waitedFor, done, abandoned] = golden.keys.map((made) => made.storeKey) as [
  StoreKey,
  StoreKey,
  StoreKey,
  StoreKey,
];
const ANSWER = bytesOf(golden.records.answer.bytes);

/** One record in each state. */
async function writeAll(store: Store): Promise<void> {
  for (const key of [running, waitedFor, done, abandoned]) await store.acquire({ key, ...claim });
  const leave = await store.watch?.(waitedFor, () => undefined);
  await store.complete(done, claim.token, ANSWER, claim.retentionMs);
  await store.abandon(abandoned, claim.token);
  await leave?.();
}

describe.each([
  ["redis", golden.stored.redis],
  ["upstash", golden.stored.redis],
  ["lmdb", golden.stored.lmdb],
  ["postgres", golden.stored.postgres],
] as const)("%s", (name, stored) => {
  let vault: Vault;
  beforeAll(async () => {
    vault = await VAULTS[name](nowMs);
  });
  afterAll(() => vault.stop());

  it("writes a run that is under way, waited for, done and abandoned as ever", async () => {
    await writeAll(vault.store);
    expect(await vault.dump()).toEqual(expectedOf(vault.store, stored));
  });

  it("reads them as ever", async () => {
    await vault.load(stored);
    const { store } = vault;
    const { fingerprint, leaseMs, token } = claim;
    for (const key of [running, waitedFor]) {
      expect(await store.read(key)).toEqual({ outcome: "running", fingerprint, leaseLeftMs: leaseMs });
      expect(await store.renew(key, token, leaseMs)).toBe("ok");
    }
    const found = await store.read(done);
    expect(found.outcome === "done" && new Uint8Array(found.record)).toEqual(ANSWER);
    expect(await store.complete(done, token, new Uint8Array(1), claim.retentionMs)).toBe("ok");
    expect(await store.read(abandoned)).toEqual({ outcome: "none" });
    const again = { key: abandoned, ...claim, token: "the-next-one" as OwnerToken };
    expect(await store.acquire(again)).toEqual({ outcome: "acquired", fence: nowMs + 1, attempt: 2 });
  });
});

/** Where nobody can wait in the store, what is waited for is but a run under way. */
function expectedOf(store: Store, stored: Readonly<Record<string, Stored>>): Readonly<Record<string, Stored>> {
  const plain = stored[running];
  return store.watch === undefined && plain !== undefined ? { ...stored, [waitedFor]: plain } : stored;
}
