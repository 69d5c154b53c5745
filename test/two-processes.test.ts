import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startChild } from "./src/child.js";
import { type RedisServer, startRedis } from "./src/redis-server.js";
import { startTcpProxy, type TcpProxy } from "./src/tcp-proxy.js";
import { until } from "./src/wait.js";

const WORKER = fileURLToPath(new URL("./fixtures/payments-worker.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "onceover-processes-"));
const ledger = join(folder, "ledger.txt");
writeFileSync(ledger, "");
afterAll(() => rmSync(folder, { recursive: true }));

let keys = 0;
const newKey = () => `payment-${++keys}`;

interface Worker {
  readonly pid: number;
  post(path: string, key: string, body?: object): Promise<Answer>;
  /** Settles when the handler has said that it is there. */
  reached(stop: "before" | "after", key: string): Promise<void>;
  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  readonly ended: Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly isReplay: boolean;
  readonly text: string;
  readonly code: unknown;
  readonly retryAfter: string | null;
}

const running: Worker[] = [];

/** The lease is short where a test outlives it, and longer than any wait of a test where the store is cut off. */
async function startWorker(place: string, leaseMs = 500): Promise<Worker> {
  const args = ["--conditions", "onceover-src", "--import", "tsx", WORKER, place, ledger, String(leaseMs)];
  const child = await startChild(process.execPath, args, { ready: /listening on \d+\n/ });
  const port = /listening on (\d+)\n/.exec(child.output())?.[1];
  const worker: Worker = {
    pid: child.pid,
    ended: child.ended,
    post: (path, key, body = {}) => post(`http://127.0.0.1:${port}${path}`, key, body),
    reached: (stop, key) => until(`a run is ${stop} ${key}`, () => child.output().includes(`reached ${stop} ${key}\n`)),
    kill: (signal) => void process.kill(child.pid, signal),
  };
  running.push(worker);
  return worker;
}

async function post(url: string, key: string, body: object): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Idempotency-Key": key, "Content-Type": "application/json", "X-Caller": "alice" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    isReplay: response.headers.get("idempotency-replayed") === "true",
    text,
    code: JSON.parse(text).code,
    retryAfter: response.headers.get("retry-after"),
  };
}

function effects(key: string): number {
  return readFileSync(ledger, "utf8")
    .split("\n")
    .filter((line) => line === key).length;
}

async function endAll(): Promise<void> {
  const ending = running.splice(0);
  for (const worker of ending) {
    try {
      worker.kill("SIGKILL");
    } catch {
      // A test has ended it already.
    }
  }
  await Promise.all(ending.map(({ ended }) => ended));
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ args: ["--appendonly", "yes"] });
});
afterAll(() => redis.stop());

const PLACES = { LMDB: () => join(folder, "records.lmdb"), Redis: () => redis.url } as const;

/** Runs that a process is in the middle of when it is killed; `effects` are those that have happened by then. */
const CUT_SHORT = [
  { path: "/once", stop: "before", effects: 0 },
  { path: "/once", stop: "after", effects: 1 },
  { path: "/recovered", stop: "before", effects: 0 },
  { path: "/recovered", stop: "after", effects: 1 },
  { path: "/repeatable", stop: "before", effects: 0 },
] as const;

describe.each(Object.entries(PLACES))("two processes over one %s", (_name, place) => {
  let survivor: Worker;
  let victim: Worker;
  beforeAll(async () => {
    [survivor, victim] = [await startWorker(place()), await startWorker(place())];
  });
  afterAll(endAll);

  it("fifty parallel POSTs of one key over both have one effect and fifty equal answers", async () => {
    const key = newKey();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => (at % 2 === 0 ? survivor : victim).post("/once", key)),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    expect([answers[0]?.status, effects(key)]).toEqual([201, 1]);
  });

  it("paused past its lease: the retry is told outcome-unknown, and after the pause there are one effect and one answer", async () => {
    const key = newKey();
    const body = { stop: "before", stopMs: 1500 };
    const first = victim.post("/once", key, body);
    await victim.reached("before", key);
    victim.kill("SIGSTOP");
    expect(await survivor.post("/once", key, body)).toMatchObject({ status: 409, code: "outcome-unknown" });
    victim.kill("SIGCONT");
    const answer = await first;
    expect([answer.status, answer.isReplay]).toEqual([201, false]);
    expect(await survivor.post("/once", key, body)).toEqual({ ...answer, isReplay: true });
    expect(effects(key)).toBe(1);
  });

  describe("one of them killed with SIGKILL", () => {
    const runs = CUT_SHORT.map((run) => ({ ...run, key: newKey(), body: { stop: run.stop, stopMs: 60_000 } }));
    beforeAll(async () => {
      const gone = runs.map(({ path, key, body }) => expect(victim.post(path, key, body)).rejects.toThrow());
      await Promise.all(runs.map(({ stop, key }) => victim.reached(stop, key)));
      victim.kill("SIGKILL");
      await Promise.all(gone);
      expect(runs.map(({ key }) => effects(key))).toEqual(runs.map((run) => run.effects));
    });

    for (const { path, stop, effects: before, key, body } of runs.filter(({ path }) => path === "/once")) {
      it(`once, ${stop} the effect: the retry is told outcome-unknown, each time, and nothing runs again`, async () => {
        for (const _ of [1, 2]) {
          expect(await survivor.post(path, key, body)).toMatchObject({ status: 409, code: "outcome-unknown" });
        }
        expect(effects(key)).toBe(before);
      });
    }

    for (const { path, stop, key, body } of runs.filter(({ path }) => path === "/recovered")) {
      it(`recover, ${stop} the effect: the retry is settled by the ledger, and there is one effect`, async () => {
        const settled = await survivor.post(path, key, body);
        expect(settled.status).toBe(201);
        const found = stop === "after" ? { paid: key, found: true } : { paid: key, attempt: 2 };
        expect(JSON.parse(settled.text)).toMatchObject(found);
        expect(await survivor.post(path, key, body)).toEqual({ ...settled, isReplay: true });
        expect(effects(key)).toBe(1);
      });
    }

    for (const { path, stop, key, body } of runs.filter(({ path }) => path === "/repeatable")) {
      it(`repeatable, ${stop} the effect: the retry runs it, as attempt 2`, async () => {
        const again = await survivor.post(path, key, body);
        expect(JSON.parse(again.text)).toMatchObject({ paid: key, attempt: 2 });
        expect(effects(key)).toBe(1);
      });
    }
  });
});

describe("two processes over one Redis, one of them through a proxy that loses replies", () => {
  let proxy: TcpProxy;
  let near: Worker;
  let far: Worker;
  beforeAll(async () => {
    proxy = await startTcpProxy(redis.port);
    near = await startWorker(redis.url, 60_000);
    far = await startWorker(`redis://127.0.0.1:${proxy.port}`, 60_000);
    expect(await far.post("/once", newKey())).toMatchObject({ status: 201 });
  });
  afterEach(() => proxy.heal());
  afterAll(async () => {
    await endAll();
    await proxy.close();
  });

  /** Sends the same request until it is not refused for want of a store, to one worker and then the other. */
  async function retry(path: string, key: string): Promise<Answer> {
    for (let at = 0; ; at++) {
      const answer = await (at % 2 === 0 ? far : near).post(path, key);
      if (answer.status !== 503 && answer.code !== "in-flight") return answer;
      expect(answer.retryAfter).toMatch(/^\d+$/);
    }
  }

  it.each(["cut", "silence"] as const)(
    "the reply to acquire is lost (%s): one effect, and every retry gets its answer",
    async (then) => {
      const key = newKey();
      // Of all that is sent, only an acquire holds a fingerprint and no answer yet.
      const lost = proxy.swallowNextReply("req1:", then);
      const first = await far.post("/once", key);
      await lost;
      if (then === "silence") proxy.cut();
      if (first.status !== 201) expect(first).toMatchObject({ status: 503, code: "store-unavailable" });
      const answer = await retry("/once", key);
      expect(answer.status).toBe(201);
      expect((await near.post("/once", key)).text).toBe(answer.text);
      expect(effects(key)).toBe(1);
    },
  );

  it.each(["cut", "silence"] as const)(
    "the reply to complete is lost (%s): the true answer goes out, and retries replay it",
    async (then) => {
      const key = newKey();
      // The answer is in the complete alone.
      const lost = proxy.swallowNextReply(`{"paid":"${key}"`, then);
      const first = await far.post("/once", key);
      await lost;
      if (then === "silence") proxy.cut();
      expect(first).toMatchObject({ status: 201, isReplay: false });
      for (const worker of [far, near]) expect(await worker.post("/once", key)).toEqual({ ...first, isReplay: true });
      expect(effects(key)).toBe(1);
    },
  );

  it("nothing comes through for a while: 503 within the store's deadline, one effect once it does", async () => {
    const key = newKey();
    proxy.hang();
    expect(await far.post("/once", key)).toMatchObject({ status: 503, code: "store-unavailable", retryAfter: "1" });
    expect(effects(key)).toBe(0);
    proxy.heal();
    expect((await retry("/once", key)).status).toBe(201);
    expect(effects(key)).toBe(1);
  });
});
