/**
 * A service over HTTP while its Redis has no room, in memory or on disk: what was answered is answered again, nothing new
 * is begun, what is under way ends well, and afterwards everything goes on. Effects are counted where they happen.
 */
import type { OnceoverEvent } from "@onceover/core";
import { redisStore } from "@onceover/redis";
import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { type ExpressService, serveExpress } from "./src/express-service.js";
import { limitFiles, UNDER_FILE_LIMIT } from "./src/full-disk.js";
import { type RedisServer, startRedis } from "./src/redis-server.js";
import { until } from "./src/wait.js";

/** Longer than anything here takes: what is under way is never unknown. */
const LEASE_MS = 600_000;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** What the services share: the ledger, and the runs that stay until they are let go. */
function paymentServices(server: RedisServer) {
  const effects = new Map<string, number>();
  const staying = new Map<string, () => void>();

  async function start(): Promise<ExpressService & { readonly events: OnceoverEvent[] }> {
    const events: OnceoverEvent[] = [];
    const client = new Redis(server.port, "127.0.0.1");
    client.on("error", () => undefined);
    const store = redisStore({ client, timeoutMs: 10_000 });
    const service = await serveExpress(
      {
        store,
        idempotency: { inFlight: "reject", required: true, leaseMs: LEASE_MS },
        on: (event) => void events.push(event),
      },
      async (request, response) => {
        const key = request.onceover?.key ?? "";
        if (request.body.stays === true) await new Promise<void>((go) => void staying.set(key, go));
        effects.set(key, (effects.get(key) ?? 0) + 1);
        response.status(201).json({ paid: key, id: crypto.randomUUID() });
      },
      (_request, _response, next) => next(),
    );
    closing.push(async () => {
      await service.close();
      await store.close();
      client.disconnect();
    });
    return { ...service, events };
  }
  return { start, effects, staying };
}

interface Answer {
  readonly status: number;
  readonly isReplay: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

async function send(url: string, key: string, body: object = {}): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Idempotency-Key": key, "Content-Type": "application/json", "X-Caller": "alice" },
    body: JSON.stringify(body),
  });
  const isReplay = response.headers.get("idempotency-replayed") === "true";
  return { status: response.status, isReplay, body: JSON.parse(await response.text()) };
}

const STAYS = { stays: true };
const REFUSED = { status: 503, body: { code: "store-full", executed: false } };

/** How room runs out, and what becomes of the answer of a run that is under way. */
const SHORTAGES = {
  "no memory (maxmemory, noeviction)": {
    args: ["--maxmemory-policy", "noeviction"],
    fill: (server: RedisServer) => server.cli("config", "set", "maxmemory", "1"),
    relieve: (server: RedisServer) => server.cli("config", "set", "maxmemory", "0"),
    underWay: "recorded",
  },
  "no disk (append-only file)": {
    args: ["--appendonly", "yes"],
    async fill(server: RedisServer) {
      await limitFiles(server.pid, 1);
      // Redis finds out behind a write that it has answered.
      await until("Redis has seen that its disk is full", async () =>
        (await server.cli("set", "an-application's-own", "1")).startsWith("MISCONF"),
      );
    },
    relieve: (server: RedisServer) => limitFiles(server.pid, "unlimited"),
    underWay: "record-late",
  },
} as const;

describe.each(Object.entries(SHORTAGES))("%s", (_, { args, fill, relieve, underWay }) => {
  it("replays go on, a new key gets 503 store-full, the run under way is answered; nothing takes effect twice", async () => {
    const server = await startRedis({ args, under: UNDER_FILE_LIMIT });
    closing.push(server.stop);
    const { start, effects, staying } = paymentServices(server);
    const [one, other] = [await start(), await start()];
    const done = await send(one.url, "done");
    const running = send(one.url, "running", STAYS);
    await until("the run is under way", () => staying.has("running"));

    await fill(server);
    for (const { url } of [one, other]) {
      expect(await send(url, "done")).toEqual({ ...done, isReplay: true });
      expect(await send(url, "new")).toMatchObject(REFUSED);
    }
    expect(await send(other.url, "running", STAYS)).toMatchObject({ status: 409, body: { code: "in-flight" } });
    staying.get("running")?.();
    const answer = await running;
    expect(answer).toMatchObject({ status: 201, isReplay: false });
    expect(one.events.map(({ type }) => type)).toContain(underWay);
    expect(await send(one.url, "running", STAYS)).toEqual({ ...answer, isReplay: true });
    const elsewhere =
      underWay === "recorded" ? { ...answer, isReplay: true } : { status: 409, body: { code: "in-flight" } };
    expect(await send(other.url, "running", STAYS)).toMatchObject(elsewhere);
    expect([...effects]).toEqual([
      ["done", 1],
      ["running", 1],
    ]);

    await relieve(server);
    await until("a new key runs", async () => (await send(other.url, "new")).status === 201);
    await until("the run's answer is recorded", async () => (await send(other.url, "running", STAYS)).status === 201);
    for (const { url } of [one, other, await start()]) {
      expect(await send(url, "done")).toEqual({ ...done, isReplay: true });
      expect(await send(url, "running", STAYS)).toEqual({ ...answer, isReplay: true });
      expect(await send(url, "new")).toMatchObject({ status: 201, isReplay: true });
    }
    expect([...effects]).toEqual([
      ["done", 1],
      ["running", 1],
      ["new", 1],
    ]);
  });
});
