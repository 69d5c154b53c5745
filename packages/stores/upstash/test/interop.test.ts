/** A service may use ioredis on its servers and Upstash's REST interface at the edge, over one database. */
import { type RedisClient, redisStore } from "@onceover/redis";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { upstashStore } from "../src/index.js";
import { asking, type Database, SETTINGS, startDatabase } from "./clients.js";

const DAY_MS = 86_400_000;
const EVERY_BYTE = Uint8Array.from({ length: 70_000 }, (_, index) => (index * 7 + (index >> 8)) % 256);

let database: Database;
let client: Redis;
beforeAll(async () => {
  database = await startDatabase();
  client = new Redis(database.server.port, "127.0.0.1");
});
afterAll(async () => {
  client.disconnect();
  await database.stop();
});

const overTcp = () => redisStore({ client: client as RedisClient });

it.each(SETTINGS)("records are the same bytes and either store replays the other's: %s", async (_, settings) => {
  const overRest = upstashStore({ client: database.connect(settings) });
  const kept: Buffer[] = [];
  for (const [writer, reader] of [
    [overTcp(), overRest],
    [overRest, overTcp()],
  ] as const) {
    const { key, token } = asking();
    const owned = await writer.acquire(asking({ key, token }));
    expect(await reader.acquire(asking({ key }))).toMatchObject({ outcome: "running" });
    expect(await reader.acquire(asking({ key, token }))).toEqual(owned);
    expect(await reader.renew(key, token, 60_000)).toBe("ok");
    expect(await writer.complete(key, token, EVERY_BYTE, DAY_MS)).toBe("ok");
    const found = await reader.acquire(asking({ key }));
    expect(found.outcome === "done" && Buffer.compare(found.record, EVERY_BYTE)).toBe(0);
    const bytes = await client.getBuffer(`onceover:${key}`);
    kept.push(bytes?.subarray(-EVERY_BYTE.length) ?? Buffer.alloc(0));
    expect(bytes?.length).toBeLessThan(EVERY_BYTE.length + 200);
  }
  for (const bytes of kept) expect(Buffer.compare(bytes, EVERY_BYTE)).toBe(0);
});

it("a run that one store began and the other one found unknown is taken over there, and is stale here", async () => {
  const [tcp, rest] = [overTcp(), upstashStore({ client: database.connect() })];
  const begun = asking({ leaseMs: 1 });
  await tcp.acquire(begun);
  await expect.poll(async () => (await rest.read(begun.key)).outcome).toBe("unknown");
  expect((await rest.unknowns()).items).toMatchObject([{ key: begun.key, attempt: 1 }]);
  const taken = await rest.acquire(asking({ key: begun.key, takeOver: true }));
  expect(taken).toMatchObject({ outcome: "acquired", attempt: 2 });
  expect(await tcp.complete(begun.key, begun.token, EVERY_BYTE, DAY_MS)).toBe("stale");
});

it("one who waits over TCP is told when a run over REST is done", async () => {
  const [tcp, rest] = [overTcp(), upstashStore({ client: database.connect() })];
  const { key, token } = asking();
  await rest.acquire(asking({ key, token }));
  let told = 0;
  const leave = await tcp.watch?.(key, () => {
    told++;
  });
  await rest.complete(key, token, EVERY_BYTE, DAY_MS);
  await expect.poll(() => told).toBeGreaterThan(0);
  await leave?.();
  await tcp.close();
});
