import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { HistoryEffect } from "@onceover/test/history";
import { startRedis } from "@onceover/test/redis-server";
import { until } from "@onceover/test/wait";
import { openLedgerFile } from "../../examples/payments-service/ledger-file.js";
import { random } from "../../examples/storm/random.js";
import { startWorkers } from "../../examples/storm/workers.js";
import type { CallerSelf } from "./caller.js";
import { live } from "./client.js";
import { type Judgement, judge, type Side } from "./judge.js";
import { hashOf } from "./search-index.js";
import { createSeen, type Seen } from "./seen.js";
import { send } from "./sending.js";
import type { OrderLine } from "./service.js";
import type { WorkerSettings } from "./worker.js";

/** How much load there is. */
export interface LoadOptions {
  readonly clients: number;
  readonly seconds: number;
  /** The longest time between two deeds of a client, in milliseconds. */
  readonly thinkMs: number;
  readonly seed: number;
}

/** What came of it. */
export interface LoadOutcome {
  readonly seen: Seen;
  readonly judgement: Judgement;
  readonly orders: number;
  /** How often a revision sent a request to the other one. */
  readonly routed: number;
  readonly replaced: Replaced;
  readonly tookMs: number;
}

/** How the index was replaced. */
export interface Replaced {
  /** What was left when the old one had gone. */
  readonly left: readonly string[];
  /** From the beginning until the old one had gone, in milliseconds. */
  readonly tookMs: number;
}

const HEARTBEAT_MS = 500;
const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));
const PROGRAM = [process.execPath, "--conditions", "onceover-src", "--import", "tsx", WORKER];
const OLDER = { revision: "r1", schemaRev: 11, accepts: [11], corpora: ["a"] } as const;
const NEWER = { revision: "r2", schemaRev: 12, accepts: [12], corpora: ["b", "c"] } as const;
const REVISIONS = [OLDER, NEWER] as const;

/** Two revisions under load, while the newer one's index is replaced half way. */
export async function runLoad(options: LoadOptions): Promise<LoadOutcome> {
  const redis = await startRedis();
  const folder = await mkdtemp(join(tmpdir(), "onceover-pins-load-"));
  try {
    return await loadOver(
      { redis: redis.url, ledger: join(folder, "orders.jsonl"), heartbeatMs: HEARTBEAT_MS },
      options,
    );
  } finally {
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Places = Pick<WorkerSettings, "redis" | "ledger" | "heartbeatMs">;

async function loadOver(places: Places, options: LoadOptions): Promise<LoadOutcome> {
  const beganMs = performance.now();
  const revisions = startRevisions(places);
  try {
    const ports = await revisions.serve();
    const { seen, replaced } = await load(ports, options);
    const effects = effectsIn(places.ledger);
    const judgement = judge(seen, effects, await Promise.all(REVISIONS.map(sideOf)));
    const tookMs = performance.now() - beganMs;
    return { seen, judgement, orders: effects.length, routed: revisions.routed(), replaced, tookMs };
  } finally {
    await revisions.close();
  }
}

function startRevisions(places: Places) {
  let failure: string | undefined;
  let routed = 0;
  const workers = startWorkers({
    count: REVISIONS.length,
    program: PROGRAM,
    args: (worker) => [JSON.stringify({ ...REVISIONS[worker], ...places })],
    onEvent(event) {
      if (event.type === "routed") routed += 1;
    },
    onFailure(message) {
      failure = message;
    },
  });

  /** Settles when each knows of the other: what it read before is read anew within three heartbeats. */
  async function serve(): Promise<Ports> {
    await until("the revisions serve", () => failure !== undefined || workers.areServing(), 60_000);
    if (failure !== undefined) throw new Error(failure);
    await sleep(3 * HEARTBEAT_MS);
    const [older = 0, newer = 0] = workers.ports();
    return [older, newer];
  }

  return { serve, routed: () => routed, close: workers.close };
}

type Ports = readonly [older: number, newer: number];

async function load(
  ports: Ports,
  { clients, seconds, thinkMs, seed }: LoadOptions,
): Promise<{ readonly seen: Seen; readonly replaced: Replaced }> {
  const agent = new Agent({ keepAlive: true });
  const seen = createSeen();
  const endMs = performance.now() + seconds * 1000;
  const ground = { agent, ports, random: random(seed), seen, thinkMs, isOver: () => performance.now() > endMs };
  const kinds = await clientKinds();
  const lives = Array.from({ length: clients }, (_, at) =>
    live(ground, { caller: `client-${at}`, builtFor: kinds[at % kinds.length] ?? {} }),
  );
  await sleep(seconds * 500);
  const replaced = await replaceIndex(agent, ports[1]);
  await Promise.all(lives);
  agent.destroy();
  return { seen, replaced };
}

/** Built against the older revision, the newer one, the newer one's schema alone, or nothing. */
async function clientKinds(): Promise<readonly CallerSelf["builtFor"][]> {
  const [older, newer] = await Promise.all([hashOf("a"), hashOf("b")]);
  return [{ schemaRev: 11, indexHash: older }, { schemaRev: 12, indexHash: newer }, { schemaRev: 12 }, {}];
}

async function replaceIndex(agent: Agent, port: number): Promise<Replaced> {
  const beganMs = performance.now();
  const answer = await send(agent, { port, method: "POST", path: "/replace-index", headers: {} });
  return { left: JSON.parse(answer?.body ?? "[]"), tookMs: performance.now() - beganMs };
}

function effectsIn(path: string): HistoryEffect[] {
  const file = openLedgerFile(path);
  const lines = file.readNew() as OrderLine[];
  file.close();
  return lines;
}

async function sideOf({ revision, schemaRev, accepts, corpora }: (typeof REVISIONS)[number]): Promise<Side> {
  return { revision, schemaRev, accepts, hashes: await Promise.all(corpora.map(hashOf)) };
}
