import { createOnceover, type Onceover, type OnceoverEvent, type Store } from "@onceover/core";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { until } from "@onceover/test/wait";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { redisStore } from "../src/index.js";
import { asking, connect } from "./clients.js";

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await startRedis();
  admin = connect(server.port);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

const opened: { readonly client: Redis; readonly store: Store }[] = [];
afterEach(async () => {
  await admin.call("ACL", "DELUSER", "quiet");
  for (const { client, store } of opened.splice(0)) {
    await store.close();
    client.disconnect();
  }
});

function open(options: Parameters<typeof connect>[1] = {}): Store {
  const client = connect(server.port, options);
  const store = redisStore({ client });
  opened.push({ client, store });
  return store;
}

/** One process of a service. */
function start(store: Store): { readonly once: Onceover; readonly events: OnceoverEvent[] } {
  const events: OnceoverEvent[] = [];
  const scope = () => "alice";
  const once = createOnceover({
    service: "watch",
    revision: "r1",
    store,
    scope,
    on: (event) => void events.push(event),
  });
  return { once, events };
}

function send({ once }: { readonly once: Onceover }, key: string) {
  return Promise.resolve(
    once.mount().attempt({
      method: "POST",
      target: "/payments",
      header: (name) => (name === "idempotency-key" ? [key] : []),
      body: () => ({ outcome: "bytes", bytes: new Uint8Array(0) }),
      request: undefined,
    }),
  );
}

async function beginRun(process: { readonly once: Onceover }, key: string) {
  const verdict = await send(process, key);
  if (verdict.action !== "run") throw new Error(`expected a run, got ${verdict.action}`);
  return verdict.run;
}

/** How often each command was called, by clients and scripts, since the server began. */
async function calls(command: string): Promise<number> {
  const stats = await admin.info("commandstats");
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

const listeners = async () =>
  Number((await admin.call("CLIENT", "LIST", "TYPE", "pubsub"))?.toString().split("\n").length) - 1;
const heard = () => until("somebody listens", async () => (await listeners()) > 0);

describe("a duplicate of a run in another process", () => {
  it("has the answer within 50 ms of its completion, in most of twenty runs", async () => {
    const [one, other] = [start(open()), start(open())];
    const delaysMs: number[] = [];
    for (let count = 0; count < 20; count += 1) {
      const key = `soon-${count}`;
      const run = await beginRun(one, key);
      const looked = await calls("publish");
      const waiting = send(other, key);
      await until(
        "its watch is noted on the record",
        async () => (await admin.keys("*")).length > 0 && (await listeners()) > 0,
      );
      await new Promise((resolve) => setTimeout(resolve, 130));
      run.head(201, [], []);
      await run.end();
      const endedMs = performance.now();
      expect((await waiting).action).toBe("answer");
      delaysMs.push(performance.now() - endedMs);
      expect(await calls("publish")).toBe(looked + 1);
    }
    const [median = Number.POSITIVE_INFINITY] = delaysMs.sort((a, b) => a - b).slice(10);
    expect(median).toBeLessThan(50);
  });

  it("asks the store no more often than every 100 ms while it waits", async () => {
    const [one, other] = [start(open()), start(open())];
    const run = await beginRun(one, "patient");
    const waiting = send(other, "patient");
    await heard();
    const before = await calls("getex");
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await calls("getex")) - before).toBeLessThanOrEqual(20);
    await run.end();
    await waiting;
  });

  it("misses nothing while its connection is cut", async () => {
    const [one, other] = [start(open()), start(open())];
    const run = await beginRun(one, "cut");
    const waiting = send(other, "cut");
    await heard();
    await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
    run.head(201, [], []);
    await run.end();
    expect(await waiting).toMatchObject({ action: "answer", answer: { status: 201 } });
  });

  it("costs the first run nothing where nobody waits: no word is published", async () => {
    const one = start(open());
    const before = await calls("publish");
    await (await beginRun(one, "alone")).end();
    expect(await calls("publish")).toBe(before);
  });

  it("of a client with a prefix of its own is told too", async () => {
    const [one, other] = [start(open({ keyPrefix: "{shop}:" })), start(open({ keyPrefix: "{shop}:" }))];
    const run = await beginRun(one, "prefixed");
    const before = await calls("publish");
    const waiting = send(other, "prefixed");
    await heard();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await run.end();
    expect((await waiting).action).toBe("answer");
    expect(await calls("publish")).toBe(before + 1);
  });

  it("looks by itself where it may not listen, and is told so; who may not publish records all the same", async () => {
    await admin.call(
      "ACL",
      "SETUSER",
      "quiet",
      "on",
      "nopass",
      "~*",
      "+@all",
      "-subscribe",
      "-publish",
      "resetchannels",
    );
    const user = { username: "quiet", password: "any" };
    const [one, other] = [start(open(user)), start(open(user))];
    const run = await beginRun(one, "quiet");
    const waiting = send(other, "quiet");
    await until("it was refused", () =>
      other.events.some((event) => event.type === "store-failed" && event.verb === "watch"),
    );
    // Somebody else, who may, has noted on the record that he waits.
    const key = (await admin.keys("*")).find((name) => name.startsWith("onceover:"))?.slice("onceover:".length) ?? "";
    expect(await open().watch?.(key as never, () => {})).toBeTypeOf("function");
    run.head(201, [], []);
    await run.end();
    expect(one.events).toContainEqual(expect.objectContaining({ type: "recorded" }));
    expect(await waiting).toMatchObject({ action: "answer", answer: { status: 201 } });
  });
});

describe("the connection that listens", () => {
  const connections = async () =>
    String(await admin.call("CLIENT", "LIST"))
      .trim()
      .split("\n").length;

  it("is opened for the first who waits, shared by all of a store, and closed when nobody has waited for a second", async () => {
    const store = open();
    const { key } = asking();
    await store.read(key);
    const before = await connections();
    const watching = await Promise.all([1, 2, 3].map(() => store.watch?.(key, () => {})));
    expect(await connections()).toBe(before + 1);
    for (const unwatch of watching) unwatch?.();
    await until("it is closed", async () => (await connections()) === before);
  });

  it("serves one who comes before it is closed, and is opened again for one who comes later", async () => {
    const store = open();
    const { key } = asking();
    await store.read(key);
    const before = await connections();
    for (let count = 0; count < 2; count += 1) {
      (await store.watch?.(key, () => {}))?.();
      (await store.watch?.(key, () => {}))?.();
      expect(await connections()).toBe(before + 1);
      await until("it is closed", async () => (await connections()) === before);
    }
  });

  it("rejects within the store's deadline while the server is away", async () => {
    const client = connect(1);
    const store = redisStore({ client, timeoutMs: 200 });
    opened.push({ client, store });
    await expect(store.watch?.(asking().key, () => {})).rejects.toMatchObject({ code: "store-unavailable" });
  });
});
