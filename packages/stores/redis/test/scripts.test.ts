import { inspect } from "node:util";
import type { AcquireRequest } from "@onceover/core";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisStore } from "../src/index.js";
import { asking, connect, forgetAll, newKey, newToken, scopeOf } from "./clients.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis();
  client = connect(server.port);
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});

/** What clients sent since the counters were reset: the commands that scripts call inside the server are left out. */
async function commandsSent(): Promise<Record<string, number>> {
  const inside = ["time", "get", "getex", "set", "info", "config|resetstat", "del", "getrange", "exists"];
  const lines = [...(await server.cli("info", "commandstats")).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
  const sent = lines.map(([, name = "", calls]) => [name, Number(calls)] as const);
  return Object.fromEntries(sent.filter(([name]) => !inside.includes(name)));
}

describe("round trips", () => {
  it("every verb is one EVALSHA, a first run two and a replay one", async () => {
    const store = redisStore({ client });
    const warm = asking();
    await store.acquire(warm);
    await store.renew(warm.key, warm.token, 1000);
    await store.read(warm.key);
    await store.abandon(warm.key, warm.token);
    await store.complete(warm.key, warm.token, RECORD, DAY_MS);
    const first = asking();
    const steps: [string, () => Promise<unknown>, unknown][] = [
      ["acquire", () => store.acquire(first), { outcome: "acquired" }],
      ["renew", () => store.renew(first.key, first.token, 60_000), "ok"],
      ["read", () => store.read(first.key), { outcome: "running" }],
      ["complete", () => store.complete(first.key, first.token, RECORD, DAY_MS), "ok"],
      ["replay", () => store.acquire(asking({ key: first.key })), { outcome: "done" }],
      ["abandon", () => store.abandon(first.key, first.token), "stale"],
    ];
    for (const [verb, call, expected] of steps) {
      await server.cli("config", "resetstat");
      const answer = await call();
      if (typeof expected === "string") expect(answer).toBe(expected);
      else expect(answer).toMatchObject(expected as object);
      expect(await commandsSent(), verb).toEqual({ evalsha: 1 });
    }
  });

  it("100 acquires at once are 100 commands, whether the client pipelines by itself or not", async () => {
    for (const enableAutoPipelining of [false, true]) {
      const own = connect(server.port, { enableAutoPipelining });
      const store = redisStore({ client: own });
      await store.acquire(asking());
      await server.cli("config", "resetstat");
      const all = await Promise.all(Array.from({ length: 100 }, () => store.acquire(asking())));
      expect(all.every(({ outcome }) => outcome === "acquired")).toBe(true);
      expect(await commandsSent()).toEqual({ evalsha: 100 });
      own.disconnect();
    }
  });

  it("leaves nothing on the client: no command of ours, no listener", async () => {
    const own = connect(server.port);
    await own.ping();
    const before = [Object.keys(own), own.eventNames()];
    const store = redisStore({ client: own });
    await store.acquire(asking());
    expect([Object.keys(own), own.eventNames()]).toEqual(before);
    own.disconnect();
  });
});

it("SCRIPT FLUSH between calls costs a resend and changes no answer", async () => {
  const store = redisStore({ client });
  const { key, token } = asking();
  const flush = () => server.cli("script", "flush", "sync");
  const steps: [() => Promise<unknown>, unknown][] = [
    [() => store.acquire(asking({ key, token })), { outcome: "acquired", attempt: 1 }],
    [() => store.acquire(asking({ key })), { outcome: "running" }],
    [() => store.renew(key, token, 60_000), "ok"],
    [() => store.complete(key, token, RECORD, DAY_MS), "ok"],
    [() => store.abandon(key, token), "stale"],
    [() => store.read(key), { outcome: "done" }],
    [() => store.forget(key), "ok"],
  ];
  for (const [call, expected] of steps) {
    await flush();
    const answer = await call();
    if (typeof expected === "string") expect(answer).toBe(expected);
    else expect(answer).toMatchObject(expected as object);
  }
  await flush();
  const all = await Promise.all(Array.from({ length: 100 }, () => store.acquire(asking())));
  expect(all.every((found) => found.outcome === "acquired" && found.attempt === 1)).toBe(true);
});

describe("the record", () => {
  it.each([0, 1, 256, 1_048_576])("of %i bytes of every value is answered byte for byte", async (length) => {
    const store = redisStore({ client });
    const record = Uint8Array.from({ length }, (_, index) => (index + (index >> 8)) % 256);
    const { key, token } = asking();
    await store.acquire(asking({ key, token }));
    expect(await store.complete(key, token, record, DAY_MS)).toBe("ok");
    const found = await store.acquire(asking({ key }));
    expect(found.outcome === "done" && Buffer.compare(found.record, record)).toBe(0);
  });

  it("that holds bars, line ends and the envelope's own look is answered byte for byte", async () => {
    const store = redisStore({ client });
    const record = new TextEncoder().encode("1|D|t|1|1|1|f||\r\n$-1\r\n|");
    const { key, token } = asking();
    await store.acquire(asking({ key, token }));
    await store.complete(key, token, record, DAY_MS);
    const found = await store.read(key);
    expect(found.outcome === "done" && Buffer.compare(found.record, record)).toBe(0);
  });

  it("of 30 days stays 30 days, through renew and abandon; complete begins its retention anew", async () => {
    const store = redisStore({ client });
    const { key, token } = asking();
    const ttl = () => client.pttl(`onceover:${key}`);
    await store.acquire(asking({ key, token, retentionMs: 30 * DAY_MS }));
    expect(await ttl()).toBeGreaterThan(30 * DAY_MS - 60_000);
    await store.renew(key, token, 5000);
    expect(await ttl()).toBeGreaterThan(30 * DAY_MS - 60_000);
    await store.complete(key, token, RECORD, 60 * DAY_MS);
    expect(await ttl()).toBeGreaterThan(60 * DAY_MS - 60_000);
    await store.complete(key, token, RECORD, DAY_MS);
    expect(await ttl()).toBeGreaterThan(60 * DAY_MS - 60_000);
    const other = asking({ retentionMs: 30 * DAY_MS });
    await store.acquire(other);
    await store.abandon(other.key, other.token);
    expect(await client.pttl(`onceover:${other.key}`)).toBeGreaterThan(30 * DAY_MS - 60_000);
  });

  it("is one string of this layout (golden)", async () => {
    const store = redisStore({ client, prefix: "golden:" });
    const { key, token } = asking();
    const found = await store.acquire(asking({ key, token }));
    const fence = found.outcome === "acquired" ? found.fence : 0;
    const running = await client.get(`golden:${key}`);
    expect(running).toBe(`1|R|${token}|${fence}|1|${fence + 60_000}|t1:request|`);
    await store.complete(key, token, RECORD, DAY_MS);
    expect(await client.get(`golden:${key}`)).toBe(`1|D|${token}|${fence}|1|${fence + 60_000}|t1:request|the answer`);
  });
});

describe("a record of a later version, or of somebody else", () => {
  const foreign: [string, (key: string) => Promise<unknown>][] = [
    ["a later version", (key) => client.set(key, "2|R|what|ever|came|later")],
    ["no layout of ours", (key) => client.set(key, '{"state":"running"}')],
    ["an empty string", (key) => client.set(key, "")],
    ["a list", (key) => client.rpush(key, "1|R|")],
  ];

  it.each(foreign)(
    "%s: every verb rejects as record-unreadable and writes nothing, until it is forgotten",
    async (_, write) => {
      const key = newKey();
      const name = `foreign:${key}`;
      const owner = redisStore({ client, prefix: "foreign:" });
      await write(name);
      const before = await client.dump(name);
      const calls = [
        () => owner.acquire(asking({ key, takeOver: true })),
        () => owner.renew(key, newToken(), 1000),
        () => owner.complete(key, newToken(), RECORD, DAY_MS),
        () => owner.abandon(key, newToken()),
        () => owner.read(key),
        () => owner.unknowns(),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "record-unreadable" });
      expect(await client.dump(name)).toBe(before);
      expect(await owner.forget(key)).toBe("ok");
      await write(name);
      expect(await forgetAll(owner, scopeOf(key))).toBe(1);
      expect(await client.exists(name)).toBe(0);
    },
  );
});

describe("prefixes", () => {
  async function lapse(store: ReturnType<typeof redisStore>): Promise<string> {
    const request = asking({ leaseMs: 1 });
    await store.acquire(request);
    await expect.poll(async () => (await store.read(request.key)).outcome).toBe("unknown");
    return request.key;
  }

  it("with glob characters, braces and a backslash are taken literally, also by the listing", async () => {
    for (const prefix of ["a*b?[c]\\{d}:", "a*b?[x]\\{d}:", "été-💶:"]) {
      const [store, near] = [redisStore({ client, prefix }), redisStore({ client, prefix: "axby[c]{d}:" })];
      const key = await lapse(store);
      await lapse(near);
      expect((await store.unknowns()).items.map((item) => item.key)).toEqual([key]);
    }
  });

  it("two stores on one client, one's prefix the beginning of the other's, do not see each other's records", async () => {
    const [short, long] = [redisStore({ client, prefix: "p:" }), redisStore({ client, prefix: "p:q:" })];
    const key = newKey();
    expect(await short.acquire(asking({ key }))).toMatchObject({ outcome: "acquired", attempt: 1 });
    expect(await long.acquire(asking({ key }))).toMatchObject({ outcome: "acquired", attempt: 1 });
    const [ofShort, ofLong] = [await lapse(short), await lapse(long)];
    expect((await short.unknowns()).items.map((item) => item.key)).toEqual([ofShort]);
    expect((await long.unknowns()).items.map((item) => item.key)).toEqual([ofLong]);
  });

  it("of the client's own stand in front, also in the listing", async () => {
    const own = connect(server.port, { keyPrefix: "app[1]:" });
    const store = redisStore({ client: own });
    const key = await lapse(store);
    expect(await client.exists(`app[1]:onceover:${key}`)).toBe(1);
    expect((await store.unknowns()).items.map((item) => item.key)).toEqual([key]);
    own.disconnect();
  });
});

it("the listing begins anew, and leaves nothing out, when the server was restarted between two pages", async () => {
  const kept = await startRedis({ args: ["--appendonly", "yes"] });
  const own = connect(kept.port);
  const store = redisStore({ client: own, timeoutMs: 10_000 });
  const requests = Array.from({ length: 2500 }, () => asking({ leaseMs: 1 }));
  await Promise.all(requests.map((request) => store.acquire(request)));
  const { cursor } = await store.unknowns();
  expect(cursor).toBeTypeOf("string");
  await kept.restart();
  const seen = new Set<string>();
  for (let next = cursor; next !== undefined; ) {
    const page = await store.unknowns(next);
    for (const { key } of page.items) seen.add(key);
    next = page.cursor;
  }
  expect(requests.filter(({ key }) => !seen.has(key))).toEqual([]);
  own.disconnect();
  await kept.stop();
});

it("forgetScope() under a keyPrefix of the client's and a prefix of special characters deletes that scope alone", async () => {
  const own = connect(server.port, { keyPrefix: "app*[1]:" });
  const [store, other] = [redisStore({ client: own, prefix: "a?:" }), redisStore({ client: own, prefix: "ab:" })];
  const requests = Array.from({ length: 3 }, () => asking({ key: newKey() }));
  const [first] = requests as [AcquireRequest];
  for (const request of requests) for (const one of [store, other]) await one.acquire(request);
  expect(await forgetAll(store, scopeOf(first.key))).toBe(1);
  expect(await other.read(first.key)).toMatchObject({ outcome: "running" });
  expect(await store.read(requests[1]?.key ?? newKey())).toMatchObject({ outcome: "running" });
  own.disconnect();
});

it("a cursor that no page ended with is a TypeError", async () => {
  const store = redisStore({ client });
  await expect(store.unknowns("7")).rejects.toThrow(new TypeError('cursor must be one that unknowns() gave, got "7"'));
  await expect(store.forgetScope(scopeOf(newKey()), "7")).rejects.toThrow(
    new TypeError('cursor must be one that forgetScope() gave, got "7"'),
  );
});

it("an error says what failed, and holds neither key nor token nor record, however deep one looks", async () => {
  const strict = await startRedis({ args: ["--rename-command", "EVALSHA", ""] });
  const own = connect(strict.port, { retryStrategy: () => null });
  const store = redisStore({ client: own });
  const { key, token } = asking();
  const failed = await store.complete(key, token, RECORD, DAY_MS).catch((error: unknown) => error);
  const text = inspect(failed, { depth: null, showHidden: true, maxArrayLength: null });
  expect(failed).toMatchObject({ code: "store-unavailable" });
  expect(text).toContain("unknown command");
  for (const secret of [key, token, "the answer", Buffer.from(RECORD).toString("hex").match(/../g)?.join(" ") ?? ""]) {
    expect(text).not.toContain(secret);
  }
  own.disconnect();
  await strict.stop();
});
