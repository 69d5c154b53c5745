import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.js";
import { having } from "./redis-cluster.js";
import { type RedisServer, startRedis, startServer } from "./redis-server.js";
import { until } from "./wait.js";

/** A master with replicas, watched by three sentinels. */
export interface RedisSentinels {
  /** The master's name, for `new Redis({ sentinels, name })`. */
  readonly name: string;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** The data nodes; the first one starts as the master. */
  readonly nodes: readonly RedisServer[];
  /** The data node that the sentinels call master now. */
  master(): Promise<RedisServer>;
  /** Gives the master there is now another replica, as an operator would after a fail-over; settles when it follows. */
  addReplica(): Promise<void>;
  stop(): Promise<void>;
}

/** Options of `startSentinel`. */
export interface SentinelOptions {
  /** @default 1 */
  readonly replicas?: number;
  /** How long the master is silent until the sentinels act, in milliseconds. @default 500 */
  readonly downAfterMs?: number;
  /** Appended to the command line of each data node. */
  readonly args?: readonly string[];
}

const NAME = "onceover";

/** Starts a master, its replicas and three sentinels; settles when a fail-over could succeed. */
export async function startSentinel(options: SentinelOptions = {}): Promise<RedisSentinels> {
  const { replicas = 1, downAfterMs = 500, args = [] } = options;
  const master = await startRedis({ args: ["--repl-diskless-sync-delay", "0", ...args] });
  const follow = ["--replicaof", "127.0.0.1", String(master.port), ...args];
  const nodes = [master, ...(await Promise.all(Array.from({ length: replicas }, () => startRedis({ args: follow }))))];
  await until("every replica follows", async () => (await having(nodes, "master_link_status:up")).length === replicas);
  const watch = await startWatch({ port: master.port, replicas, downAfterMs });
  const followers = async () => (await having(nodes, "master_link_status:up")).length;
  return {
    name: watch.name,
    sentinels: watch.sentinels,
    nodes,
    async master() {
      const port = await watch.masterPort();
      const node = nodes.find((candidate) => candidate.port === port);
      if (node === undefined) throw new Error(`the sentinels name an unknown master at port ${port}`);
      return node;
    },
    async addReplica() {
      const before = await followers();
      nodes.push(await startRedis({ args: ["--replicaof", "127.0.0.1", String(await watch.masterPort()), ...args] }));
      await until("the new replica follows", async () => (await followers()) > before);
    },
    async stop() {
      await Promise.all([watch.stop(), ...nodes.map((node) => node.stop())]);
    },
  };
}

/** Three sentinels over a master that has its replicas already. */
export interface SentinelWatch extends Pick<RedisSentinels, "name" | "sentinels"> {
  /** The port of the master, as the first of them knows it. */
  masterPort(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts three sentinels over the master at a port; settles when they know each other and every replica. */
export async function startWatch(options: {
  readonly port: number;
  readonly replicas: number;
  readonly downAfterMs: number;
}): Promise<SentinelWatch> {
  const { port, replicas, downAfterMs } = options;
  const folder = await mkdtemp(join(tmpdir(), "onceover-sentinel-"));
  const sentinels = await Promise.all([0, 1, 2].map((n) => startOne(join(folder, `${n}.conf`), port, downAfterMs)));
  const [first] = sentinels;
  if (first === undefined) throw new Error("no sentinel was started");
  await until("the sentinels know each other", async () => (await allKnow(sentinels, replicas)) === sentinels.length);
  return {
    name: NAME,
    sentinels: sentinels.map((sentinel) => ({ host: "127.0.0.1", port: sentinel.port })),
    async masterPort() {
      return Number((await first.cli("sentinel", "get-master-addr-by-name", NAME)).split("\n")[1]);
    },
    async stop() {
      await Promise.all(sentinels.map((sentinel) => sentinel.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startOne(file: string, masterPort: number, downAfterMs: number): Promise<RedisServer> {
  const lines = [
    "bind 127.0.0.1",
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${NAME} ${downAfterMs}`,
    `sentinel failover-timeout ${NAME} 3000`,
  ];
  const port = await freePort();
  await writeFile(file, `port ${port}\n${lines.join("\n")}\n`);
  return startServer({ file, args: ["--sentinel"], ready: /monitor master/, port });
}

async function allKnow(sentinels: readonly RedisServer[], replicas: number): Promise<number> {
  const states = await Promise.all(sentinels.map((sentinel) => sentinel.cli("info", "sentinel")));
  return states.filter((state) => state.includes(`slaves=${replicas},sentinels=${sentinels.length}`)).length;
}
