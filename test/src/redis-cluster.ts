import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findRedis } from "./find-redis.js";
import { type RedisServer, startRedis } from "./redis-server.js";
import { until } from "./wait.js";

const run = promisify(execFile);

/** A Redis Cluster of the test's own: three masters, each with one replica. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** For `new Cluster(startupNodes)`. */
  readonly startupNodes: readonly { readonly host: string; readonly port: number }[];
  /** The nodes that are masters now. */
  masters(): Promise<RedisServer[]>;
  stop(): Promise<void>;
}

const ARGS = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0"];

/** Starts a Cluster of six; settles when every node calls it whole and every replica follows its master. */
export async function startRedisCluster({
  args = [],
}: {
  readonly args?: readonly string[];
} = {}): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: 6 }, () => startRedis({ args: [...ARGS, ...args] })));
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    await join(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    nodes,
    startupNodes: nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
    masters: () => having(nodes, "role:master"),
    stop,
  };
}

async function join(nodes: readonly RedisServer[]): Promise<void> {
  const { cli, env } = await findRedis();
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await run(cli, ["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"], { env });
  await until("every node calls the cluster whole", async () => {
    const states = await Promise.all(nodes.map((node) => node.cli("cluster", "info")));
    return states.every((state) => state.includes("cluster_state:ok"));
  });
  await until("every replica follows", async () => (await having(nodes, "master_link_status:up")).length === 3);
}

/** The nodes whose `INFO replication` holds `line`; one that does not answer has none. */
export async function having(nodes: readonly RedisServer[], line: string): Promise<RedisServer[]> {
  const infos = await Promise.all(nodes.map((node) => node.cli("info", "replication").catch(() => "")));
  return nodes.filter((_, index) => infos[index]?.includes(line));
}
