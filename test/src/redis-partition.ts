/**
 * A master with two replicas and three sentinels that the network falls apart between: the master alone on one side, with
 * clients of its own, everybody else on the other. As in a real one no connection is told; nothing comes through.
 */
import { having } from "./redis-cluster.js";
import { startWatch } from "./redis-sentinel.js";
import { type RedisServer, startRedis } from "./redis-server.js";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.js";
import { until } from "./wait.js";

/** What a client of ioredis is given on one of the sides. */
export interface SideOptions {
  readonly name: string;
  readonly sentinels: { host: string; port: number }[];
  readonly natMap: Record<string, { host: string; port: number }>;
  readonly updateSentinels: false;
}

/** The servers, and the network between them. */
export interface PartitionedRedis {
  /** For clients beside the master that is cut off: their way to it is never cut. */
  readonly minority: SideOptions;
  /** For clients beside the replicas. */
  readonly majority: SideOptions;
  /** Cuts the master off. Settles at once. */
  cut(): void;
  /** Lets everything through again. */
  heal(): void;
  /** Whether the master that was cut off follows the new one, with nothing left of its own. */
  isWhole(): Promise<boolean>;
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const REPLICAS = 2;
const DOWN_AFTER_MS = 500;
const ARGS = ["--repl-diskless-sync-delay", "0", "--appendonly", "yes"];

/** Starts the servers, each known to the others by a proxy in front of it; settles when a fail-over could succeed. */
export async function startPartitionedRedis(): Promise<PartitionedRedis> {
  const nodes = await Promise.all(Array.from({ length: 1 + REPLICAS }, () => startRedis({ args: ARGS })));
  const fronts = await Promise.all(nodes.map(frontOf));
  const [[master, masterFront] = missing(), ...replicas] = nodes.map(
    (node, at) => [node, fronts[at] ?? missing()] as const,
  );
  for (const [replica] of replicas) await replica.cli("replicaof", HOST, String(masterFront.port));
  const follows = async () => (await having(nodes, "master_link_status:up")).length === REPLICAS;
  await until("every replica follows", follows);
  const watch = await startWatch({ port: masterFront.port, replicas: REPLICAS, downAfterMs: DOWN_AFTER_MS });
  const doors = await Promise.all(watch.sentinels.map(({ port }) => startTcpProxy(port)));
  const cuttable = [masterFront, ...doors];
  const side = { name: watch.name, updateSentinels: false } as const;
  return {
    majority: { ...side, sentinels: [...watch.sentinels], natMap: {} },
    minority: {
      ...side,
      sentinels: doors.map(({ port }) => ({ host: HOST, port })),
      natMap: { [`${HOST}:${masterFront.port}`]: { host: HOST, port: master.port } },
    },
    cut() {
      for (const proxy of cuttable) proxy.hang();
    },
    heal() {
      for (const proxy of cuttable) proxy.heal();
    },
    async isWhole() {
      const followers = await having(nodes, "master_link_status:up");
      return followers.length === REPLICAS && followers.includes(master);
    },
    async stop() {
      await Promise.all([...doors, ...fronts].map((proxy) => proxy.close()));
      await watch.stop();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

/** By its proxy a node is known to everybody, since that is the address it announces. */
async function frontOf(node: RedisServer): Promise<TcpProxy> {
  const front = await startTcpProxy(node.port);
  await node.cli("config", "set", "replica-announce-ip", HOST);
  await node.cli("config", "set", "replica-announce-port", String(front.port));
  return front;
}

function missing(): never {
  throw new Error("a node has no proxy");
}
