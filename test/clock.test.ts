/**
 * Clocks that jump: the store's, an application's, and both at once, before a key is sent, while its run is under way and
 * after it was answered. What runs is counted where it happens.
 */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { migrate } from "@onceover/postgres";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Child, startChild } from "./src/child.js";
import { clockedService } from "./src/clocked-service.js";
import { type FakeClock, fakeClock } from "./src/faketime.js";
import { listen } from "./src/listen.js";
import { startPostgres } from "./src/postgres-server.js";
import { startRedis } from "./src/redis-server.js";
import { storeAt } from "./src/store-at.js";
import { until } from "./src/wait.js";

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const JUMPS_MS = [31 * SECOND_MS, -31 * SECOND_MS, 24 * HOUR_MS, -24 * HOUR_MS];
/** The least that a service can ask for: stores are told to keep records for longer, by more than any jump here. */
const RETENTION_MS = 24 * HOUR_MS;

const WORKER = fileURLToPath(new URL("./fixtures/clocked-worker.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "onceover-clocks-"));
const ledger = join(folder, "ledger.txt");
appendFileSync(ledger, "");
afterAll(() => rmSync(folder, { recursive: true }));

let keys = 0;
const newKey = () => `payment-${++keys}`;

function effects(key: string): number {
  return readFileSync(ledger, "utf8")
    .split("\n")
    .filter((line) => line === key).length;
}

interface Answer {
  readonly status: number;
  readonly isReplay: boolean;
  readonly text: string;
  readonly code: unknown;
}

async function post(url: string, key: string, body: object = {}): Promise<Answer> {
  const response = await fetch(`${url}/payments`, {
    method: "POST",
    headers: { "Idempotency-Key": key, "Content-Type": "application/json", "X-Caller": "alice" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const isReplay = response.headers.get("idempotency-replayed") === "true";
  return { status: response.status, isReplay, text, code: JSON.parse(text).code };
}

/** A program, and the clock it goes by. */
interface Clocked {
  readonly clock: FakeClock;
  /** What it says the time is. */
  nowMs(): Promise<number>;
}

/** Sets clocks, and sees that those who go by them do. */
async function set(which: readonly Clocked[], offsetMs: number): Promise<void> {
  for (const { clock } of which) await clock.jumpTo(offsetMs);
  for (const { nowMs } of which) {
    const fromMs = Date.now();
    const seenMs = (await nowMs()) - offsetMs;
    // Redis tells whole seconds.
    expect(seenMs).toBeGreaterThan(fromMs - 2 * SECOND_MS);
    expect(seenMs).toBeLessThan(Date.now() + 2 * SECOND_MS);
  }
}

interface Worker extends Clocked {
  post(key: string, body?: object): Promise<Answer>;
  /** Sends a request whose run stays; settles once it has begun. */
  begin(key: string): Promise<{ readonly answer: Promise<Answer> }>;
  /** Lets the runs that stay go on. */
  go(): Promise<unknown>;
  kill(): Promise<void>;
}

async function startWorker(place: string): Promise<Worker> {
  const clock = await fakeClock();
  const node = [process.execPath, "--conditions", "onceover-src", "--import", "tsx"];
  const [program = "", ...args] = [...clock.under, ...node, WORKER, place, ledger, String(RETENTION_MS)];
  const child: Child = await startChild(program, args, { ready: /listening on \S+\n/, readyMs: 60_000 });
  const url = /listening on (\S+)\n/.exec(child.output())?.[1] ?? "";
  return {
    clock,
    post: (key, body) => post(url, key, body),
    async begin(key) {
      const answer = post(url, key, STAYS);
      answer.catch(() => undefined);
      await until(`${key} runs`, () => child.output().includes(`reached ${key}\n`));
      return { answer };
    },
    go: () => fetch(`${url}/go`, { method: "POST" }),
    nowMs: async () => Number(await (await fetch(`${url}/now`)).text()),
    async kill() {
      process.kill(child.pid, "SIGKILL");
      await child.ended;
      await clock.remove();
    },
  };
}

const STAYS = { stays: true };

/** Sends a request to a process that has just started, and has the machine's own clock: nothing is in its cache. */
async function postAfresh(place: string, key: string, body?: object): Promise<Answer> {
  const { store, close } = storeAt(place);
  const service = clockedService({ store, ledger, retention: RETENTION_MS, reached: () => undefined });
  const server = await listen(createServer(service));
  try {
    return await post(server.url, key, body);
  } finally {
    await server.close();
    await close();
  }
}

/** Where records are. */
interface Place {
  readonly place: string;
  /** The server that keeps their time; absent where each process does that itself. */
  readonly server?: Clocked;
  stop(): Promise<void>;
}

async function redisPlace(): Promise<Place> {
  const clock = await fakeClock();
  const redis = await startRedis({ under: clock.under });
  const nowMs = async () => Number((await redis.cli("time")).split("\n")[0]) * SECOND_MS;
  return {
    place: redis.url,
    server: { clock, nowMs },
    async stop() {
      await redis.stop();
      await clock.remove();
    },
  };
}

async function postgresPlace(): Promise<Place> {
  const clock = await fakeClock();
  const postgres = await startPostgres({ under: clock.under });
  const pool = new pg.Pool({ connectionString: postgres.url });
  await migrate(pool);
  const nowMs = async () => {
    const { rows } = await pool.query("SELECT extract(epoch FROM clock_timestamp()) AS seconds");
    return Number(rows[0].seconds) * SECOND_MS;
  };
  return {
    place: postgres.url,
    server: { clock, nowMs },
    async stop() {
      await pool.end();
      await postgres.stop();
      await clock.remove();
    },
  };
}

async function lmdbPlace(): Promise<Place> {
  return { place: join(folder, "records.lmdb"), stop: async () => undefined };
}

const PLACES = { Redis: redisPlace, Postgres: postgresPlace, LMDB: lmdbPlace } as const;
/** LMDB has the clocks of its processes for its own. */
const WHOSE = {
  Redis: ["the store's clock", "one process's clock", "every clock"],
  Postgres: ["the store's clock", "one process's clock", "every clock"],
  LMDB: ["one process's clock", "every clock"],
} as const;

function named(offsetMs: number): string {
  const [unitMs, unit] = Math.abs(offsetMs) < HOUR_MS ? [SECOND_MS, "s"] : [HOUR_MS, "h"];
  return `${offsetMs > 0 ? "+" : ""}${offsetMs / unitMs} ${unit}`;
}

/** Before the end of its lease a run is in flight, after it nobody knows: by which clock, the jump decides. */
const IS_NOT_REPEATED = expect.stringMatching(/^(in-flight|outcome-unknown)$/);

describe.each(["Redis", "Postgres", "LMDB"] as const)("%s", (name) => {
  let store: Place;
  let one: Worker;
  let other: Worker;
  beforeAll(async () => {
    store = await PLACES[name]();
    [one, other] = [await startWorker(store.place), await startWorker(store.place)];
  });
  afterEach(() => set(clocked("every clock"), 0));
  afterAll(async () => {
    await Promise.all([one.kill(), other.kill()]);
    await store.stop();
  });

  function clocked(whose: (typeof WHOSE)[typeof name][number]): readonly Clocked[] {
    if (whose === "one process's clock") return [one];
    const servers = store.server === undefined ? [] : [store.server];
    return whose === "the store's clock" ? servers : [...servers, one, other];
  }

  describe.each(WHOSE[name])("%s", (whose) => {
    it.each(JUMPS_MS.map((ms) => [named(ms), ms] as const))(
      "jumps by %s before, during and after a run: each key takes effect once and keeps its answer",
      async (_named, offsetMs) => {
        const [before, during, after] = [newKey(), newKey(), newKey()];
        const answered = [{ key: after, body: {}, answer: await one.post(after, {}) }];
        const run = await one.begin(during);

        await set(clocked(whose), offsetMs);
        answered.push({ key: before, body: {}, answer: await one.post(before, {}) });
        for (const refused of [await other.post(during, STAYS), await postAfresh(store.place, during, STAYS)]) {
          expect([refused.status, refused.code]).toEqual([409, IS_NOT_REPEATED]);
        }
        await one.go();
        answered.push({ key: during, body: STAYS, answer: await run.answer });
        for (const { answer } of answered) expect(answer).toMatchObject({ status: 201, isReplay: false });
        for (const { key, body, answer } of answered) {
          expect(await other.post(key, body)).toEqual({ ...answer, isReplay: true });
        }

        await set(clocked(whose), 0);
        for (const { key, body, answer } of answered) {
          expect(await postAfresh(store.place, key, body)).toEqual({ ...answer, isReplay: true });
        }
        expect([before, during, after].map(effects)).toEqual([1, 1, 1]);
      },
    );
  });

  it("a run whose process was killed is never repeated, whatever the clocks do afterwards", async () => {
    const key = newKey();
    const victim = await startWorker(store.place);
    const { answer } = await victim.begin(key);
    await victim.kill();
    await expect(answer).rejects.toThrow();
    const told: Record<string, unknown> = {};
    for (const offsetMs of JUMPS_MS) {
      await set(clocked("every clock"), offsetMs);
      const { status, code } = await other.post(key, STAYS);
      told[named(offsetMs)] = [status, code];
    }
    // Set back, the clocks have yet to reach the end of the lease: by a day for certain, by half a minute if this was quick.
    expect(told).toEqual({
      "+31 s": [409, "outcome-unknown"],
      "-31 s": [409, IS_NOT_REPEATED],
      "+24 h": [409, "outcome-unknown"],
      "-24 h": [409, "in-flight"],
    });
    expect(effects(key)).toBe(0);
  });

  it("what is beyond any promise: a clock that jumps further than a record is kept ends it, and the key runs again", async () => {
    const key = newKey();
    expect(await one.post(key)).toMatchObject({ status: 201, isReplay: false });
    await set(clocked("every clock"), 100 * HOUR_MS);
    expect(await other.post(key)).toMatchObject({ status: 201, isReplay: false });
    expect(effects(key)).toBe(2);
  });
});
