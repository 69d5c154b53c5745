import type { Store } from "@onceover/core";
import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { limitFiles, UNDER_FILE_LIMIT } from "@onceover/test/full-disk";
import { asking, newToken } from "@onceover/test/store-calls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";
import type { RecordTable } from "../src/record-table.js";
import { acquire, complete, type VerbParts } from "../src/verbs.js";

const DAY_MS = 86_400_000;
const RECORD = new Uint8Array(4096).fill(7);

let server: DurableObjectServer;
let store: Store;
beforeAll(async () => {
  server = await startDurableObjects({ under: UNDER_FILE_LIMIT });
  store = durableObjectStore({ namespace: server.namespace, shards: 1, timeoutMs: 10_000 });
});
afterAll(() => server.close());

const ATTEMPTS = 150;

/** Acquires and completes so many keys, and answers which were recorded, and how the others failed. */
async function fill() {
  const kept: ReturnType<typeof asking>[] = [];
  const failed: { readonly request: ReturnType<typeof asking>; readonly error: unknown }[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const request = asking();
    try {
      await store.acquire(request);
      await store.complete(request.key, request.token, RECORD, DAY_MS);
      kept.push(request);
    } catch (error) {
      failed.push({ request, error });
    }
  }
  return { kept, failed };
}

it("where a file cannot grow, what is not recorded is store-unavailable, what is recorded is answered, and both for good", async () => {
  await store.verify();
  await limitFiles(server.server.pid, 400_000);
  const { kept, failed } = await fill();
  expect(kept.length).toBeGreaterThan(3);
  expect(failed.length).toBeGreaterThan(3);
  for (const { error } of failed) expect(error).toMatchObject({ code: "store-unavailable" });
  for (const { key } of kept) expect(await store.read(key)).toMatchObject({ outcome: "done", record: RECORD });
  await limitFiles(server.server.pid, "unlimited");
  await server.restart();
  for (const { key } of kept) expect(await store.acquire(asking({ key }))).toMatchObject({ outcome: "done" });
  for (const { request } of failed) expect(await store.read(request.key)).not.toMatchObject({ outcome: "done" });
  expect(await store.acquire(asking())).toMatchObject({ outcome: "acquired" });
});

/** An object that has reached what the platform lets it store: no write is taken. SQLite in workerd has no such bound. */
function atItsLimit(found: ReturnType<RecordTable["find"]>, words: string): VerbParts {
  const put = () => {
    throw new Error(words);
  };
  const storage = { transactionSync: <T>(run: () => T) => run() };
  const parts = { storage, table: { find: () => found, put }, retention: { written: put } };
  return parts as unknown as VerbParts;
}

it("where the platform says that there is no room, acquire and complete are answered full; any other error is passed on", () => {
  const { key, token, fingerprint } = asking();
  const terms = { fence: 1, attempt: 1, leaseEndsMs: 10, expiresMs: 10 };
  const running = { state: "running", token, fingerprint, ...terms } as const;
  const full = (held: ReturnType<RecordTable["find"]>) => atItsLimit(held, "database or disk is full: SQLITE_FULL");
  expect(acquire(full(undefined), asking(), undefined, 1)).toEqual({ outcome: "full" });
  expect(complete(full(running), key, token, RECORD, DAY_MS, 1)).toEqual({ outcome: "full" });
  expect(complete(full(running), key, newToken(), RECORD, DAY_MS, 1)).toEqual({ outcome: "stale" });
  const broken = atItsLimit(undefined, "disk I/O error: SQLITE_IOERR");
  expect(() => acquire(broken, asking(), undefined, 1)).toThrow("SQLITE_IOERR");
});
