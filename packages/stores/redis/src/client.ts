import { once } from "node:events";
import type { Cluster, Redis } from "ioredis";

/** A client of ioredis: a single node, one found through Sentinel, or a Cluster. */
export type RedisClient = Redis | Cluster;

type RunScript = (what: string, keys: number, ...args: (string | Buffer)[]) => Promise<unknown>;

/** The commands that answer bytes as they are; ioredis has them, its types do not. */
interface ScriptingClient {
  readonly evalshaBuffer: RunScript;
  readonly evalBuffer: RunScript;
}

/** Whether `client` speaks to a Cluster. */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** The client's commands for running scripts. */
export function scripting(client: RedisClient): ScriptingClient {
  const candidate = client as Partial<ScriptingClient> | undefined;
  if (typeof candidate?.evalshaBuffer === "function" && typeof candidate.evalBuffer === "function") {
    return candidate as ScriptingClient;
  }
  throw new TypeError("client must be a Redis or Cluster of ioredis");
}

/** What the client itself puts before every key. */
export function clientPrefix(client: RedisClient): string {
  return String(client.options.keyPrefix ?? "");
}

/** The nodes that hold records. A Cluster knows them once it is connected. */
export async function mastersOf(client: RedisClient): Promise<Redis[]> {
  if (!isCluster(client)) return [client];
  if (client.status === "wait") await client.connect();
  else if (client.status !== "ready") await once(client, "ready");
  return client.nodes("master");
}
