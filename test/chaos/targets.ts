/**
 * The stores that chaos is let loose on. Each is kept so that its promise holds through the faults it is given:
 * a Redis writes each command to its file before it answers (`appendfsync always`), because one that does not loses
 * records whenever it is killed; replicas of the Cluster never take over, because a replica may lack what its master
 * has acknowledged, and tier T1 promises nothing then. With `WAIT` (T2) they do take over here.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "@onceover/postgres";
import { startDurableObjects } from "@onceover/test/durable-object-server";
import { startPostgres } from "@onceover/test/postgres-server";
import { having, startRedisCluster } from "@onceover/test/redis-cluster";
import { type RedisSentinels, startSentinel } from "@onceover/test/redis-sentinel";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { startTcpProxy, type TcpProxy } from "@onceover/test/tcp-proxy";
import { startUpstashRest } from "@onceover/test/upstash-rest";
import { sleep, until } from "@onceover/test/wait";
import { Pool } from "pg";
import type { Effect } from "../../examples/payments-service/ledger.js";
import type { Random } from "../../examples/storm/random.js";
import type { Crew } from "./crew.js";
import type { StoreFault } from "./faults.js";
import type { Address, By, Place } from "./open-store.js";
import { EFFECTS_TABLE } from "./sink.js";

/** A store that can be made to fail. */
export interface Target {
  /** Where workers find it: behind a proxy, where there is a connection. */
  readonly near: Place;
  /** Where it is without anything in between. */
  readonly direct: Place;
  /** Reads the effects, where they are in the store itself. @default they are in a file beside it */
  effects?(): Promise<Effect[]>;
  /** Makes it fail; each settles when the fault is over and everything works again. */
  readonly faults: Readonly<Partial<Record<StoreFault, (crew: Crew) => Promise<void>>>>;
  stop(): Promise<void>;
}

/** Starts the store of each name. A further store is one more line. */
export const TARGETS = {
  lmdb: lmdbTarget,
  redis: redisTarget,
  "redis-cluster": clusterTarget,
  "redis-t2": replicatedTarget,
  upstash: upstashTarget,
  postgres: postgresTarget,
  "postgres-tx": transactionalTarget,
  "durable-object": durableObjectTarget,
} as const satisfies Readonly<Record<string, (random: Random) => Promise<Target>>>;

export type TargetName = keyof typeof TARGETS;

const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"];
const LOCALHOST = "127.0.0.1";
/** Of the Redis with `WAIT`. */
const REPLICAS = 2;
const LONGEST_HEALING_MS = 60_000;

/** What all servers have in common. */
interface Server {
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/**
 * It has no server and no line. It is killed when all who use it are killed at once, and it hangs when one of them, who
 * may be within a transaction, is stopped for less than a lease.
 */
async function lmdbTarget(random: Random): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), "onceover-chaos-"));
  const place = { kind: "lmdb", path: join(folder, "records.lmdb") } as const;
  return {
    near: place,
    direct: place,
    faults: {
      "store killed": (crew) => crew.killAll(),
      "store hung": (crew) => crew.pause(random.between(100, 500)),
    },
    stop: () => rm(folder, { recursive: true, force: true }),
  };
}

async function redisTarget(random: Random): Promise<Target> {
  const server = await startRedis({ args: DURABLE });
  const proxy = await startTcpProxy(server.port);
  return {
    near: { kind: "redis", port: proxy.port },
    direct: { kind: "redis", port: server.port },
    faults: { ...lineFaults(random, () => proxy), ...serverFaults(random, () => server) },
    async stop() {
      await proxy.close();
      await server.stop();
    },
  };
}

async function clusterTarget(random: Random): Promise<Target> {
  const cluster = await startRedisCluster({ args: [...DURABLE, "--cluster-replica-no-failover", "yes"] });
  const masters = await cluster.masters();
  const { by, proxies, close } = await proxiesFor(cluster.nodes);
  const nodes = [...cluster.startupNodes];
  const one = () => random.pick([0, 1, 2] as const);
  const proxyOf = (server: RedisServer | undefined) => proxies.get(server?.port ?? 0) ?? [...proxies.values()][0];
  return {
    near: { kind: "redis-cluster", nodes: nodes.map((node) => by[`${node.host}:${node.port}`] ?? node), by },
    direct: { kind: "redis-cluster", nodes, by: {} },
    faults: {
      ...lineFaults(random, () => proxyOf(masters[one()])),
      ...serverFaults(random, () => masters[one()]),
    },
    async stop() {
      await close();
      await cluster.stop();
    },
  };
}

/**
 * A master that is killed is replaced by a replica; every replica has confirmed what it acknowledged, because sentinels
 * may choose any of them. It comes back as a master on its own, and is made to follow soon after.
 */
async function replicatedTarget(random: Random): Promise<Target> {
  const cluster = await startSentinel({ replicas: REPLICAS, downAfterMs: 1000, args: DURABLE });
  const { by, proxies, close } = await proxiesFor(cluster.nodes);
  const { sentinels, name } = cluster;
  // What T2 promises holds for one fail-over at a time.
  const wholeAgain = (killed: RedisServer) =>
    until("every replica follows", () => isWhole(cluster, killed), LONGEST_HEALING_MS);
  const failOver = async (awayMs: number) => {
    const master = await cluster.master();
    await master.kill();
    await until("a replica took over", async () => (await cluster.master()) !== master);
    await sleep(awayMs);
    await master.restart();
    // For a moment there are two masters.
    await sleep(awayMs);
    await wholeAgain(master);
  };
  const { "reply swallowed": swallowed, "store hung": hung } = lineFaults(random, async () =>
    proxies.get((await cluster.master()).port),
  );
  return {
    near: { kind: "redis-sentinel", sentinels, name, by, waitReplicas: REPLICAS },
    direct: { kind: "redis-sentinel", sentinels, name, by: {}, waitReplicas: REPLICAS },
    faults: {
      "reply swallowed": swallowed,
      "store hung": hung,
      "store killed": () => failOver(random.between(0, 500)),
      async "store restarted"() {
        const master = await cluster.master();
        await master.restart();
        await wholeAgain(master);
      },
    },
    async stop() {
      await close();
      await cluster.stop();
    },
  };
}

/**
 * Whether all replicas follow. What was killed is told its part: its command line names whom it followed at first, and
 * sentinels would think about it for ten seconds.
 */
async function isWhole({ master, nodes }: RedisSentinels, killed: RedisServer): Promise<boolean> {
  const now = await master();
  const part = now === killed ? ["no", "one"] : [LOCALHOST, String(now.port)];
  await killed.cli("replicaof", ...part);
  return (await having(nodes, "master_link_status:up")).length === REPLICAS;
}

async function upstashTarget(random: Random): Promise<Target> {
  const server = await startRedis({ args: DURABLE });
  const rest = await startUpstashRest(server.port);
  const place = { kind: "upstash", url: rest.url, token: rest.token } as const;
  return {
    near: place,
    direct: place,
    faults: {
      ...serverFaults(random, () => server),
      async "reply swallowed"() {
        rest.fail({ kind: "lose-reply" }, random.between(1, 3));
        await sleep(200);
        rest.heal();
      },
      async "store hung"() {
        rest.fail({ kind: "hang" });
        await sleep(hangMs(random));
        rest.heal();
      },
    },
    async stop() {
      await rest.close();
      await server.stop();
    },
  };
}

async function postgresTarget(random: Random): Promise<Target> {
  const server = await startPostgres();
  const pool = new Pool({ connectionString: server.url });
  await migrate(pool);
  await pool.end();
  const proxy = await startTcpProxy(server.port);
  return {
    near: { kind: "postgres", url: server.url.replace(`:${server.port}/`, `:${proxy.port}/`) },
    direct: { kind: "postgres", url: server.url },
    faults: { ...lineFaults(random, () => proxy), ...serverFaults(random, () => server) },
    async stop() {
      await proxy.close();
      await server.stop();
    },
  };
}

/** Tier T4: effects are in a table beside the records, and are written in the same transaction. */
async function transactionalTarget(random: Random): Promise<Target> {
  const target = await postgresTarget(random);
  const url = target.direct.kind === "postgres" ? target.direct.url : "";
  const ask = async (sql: string) => {
    const pool = new Pool({ connectionString: url });
    const { rows } = await pool.query(sql).finally(() => pool.end());
    return rows;
  };
  await ask(EFFECTS_TABLE);
  return { ...target, effects: () => ask("SELECT * FROM effects") };
}

async function durableObjectTarget(random: Random): Promise<Target> {
  const objects = await startDurableObjects();
  const { port } = new URL(objects.url);
  const proxy = await startTcpProxy(Number(port));
  const { server } = objects;
  return {
    near: { kind: "durable-object", url: objects.url.replace(`:${port}`, `:${proxy.port}`) },
    direct: { kind: "durable-object", url: objects.url },
    faults: { ...lineFaults(random, () => proxy), ...serverFaults(random, () => server) },
    async stop() {
      await proxy.close();
      await objects.close();
    },
  };
}

const hangMs = (random: Random) => random.between(300, 900);

/** A reply that is lost with its connection, or without a word; a line that lets nothing through. */
function lineFaults(random: Random, proxyNow: () => TcpProxy | undefined | Promise<TcpProxy | undefined>) {
  return {
    async "reply swallowed"() {
      const proxy = await proxyNow();
      const then = random.pick(["cut", "silence"] as const);
      // Whatever is asked next, if anything is.
      void proxy?.swallowNextReply("", then);
      await sleep(random.between(100, 500));
      // A connection that stays silent for ever would be the client's own affair.
      if (then === "silence") proxy?.cut();
    },
    async "store hung"() {
      const proxy = await proxyNow();
      proxy?.hang();
      await sleep(hangMs(random));
      proxy?.heal();
    },
  } as const;
}

function serverFaults(random: Random, serverNow: () => Server | undefined) {
  return {
    async "store killed"() {
      const server = serverNow();
      await server?.kill();
      await sleep(random.between(200, 700));
      await server?.restart();
    },
    "store restarted": async () => serverNow()?.restart(),
  } as const;
}

/** A proxy for each node, by the node's port, and the way to it for clients that are told the node's own address. */
async function proxiesFor(nodes: readonly RedisServer[]) {
  const pairs = await Promise.all(nodes.map(async ({ port }) => [port, await startTcpProxy(port)] as const));
  const proxies: ReadonlyMap<number, TcpProxy> = new Map(pairs);
  const address = (port: number): Address => ({ host: LOCALHOST, port });
  const by: By = Object.fromEntries(pairs.map(([port, proxy]) => [`${LOCALHOST}:${port}`, address(proxy.port)]));
  const close = async () => {
    await Promise.all(pairs.map(([, proxy]) => proxy.close()));
  };
  return { by, proxies, close };
}
