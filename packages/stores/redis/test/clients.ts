import { Cluster, type CommonRedisOptions, Redis } from "ioredis";

export { asking, count, forgetAll, newKey, newToken, outcomeOf, overrunMs, scopeOf } from "@onceover/test/store-calls";

type Options = { readonly [Option in keyof CommonRedisOptions]: Exclude<CommonRedisOptions[Option], undefined> };

/** A client whose connection errors are the test's intention. */
export function connect(port: number, options: Options = {}): Redis {
  const client = new Redis(port, "127.0.0.1", options);
  client.on("error", () => undefined);
  return client;
}

export function connectCluster(startupNodes: readonly { readonly host: string; readonly port: number }[]): Cluster {
  const client = new Cluster([...startupNodes]);
  client.on("error", () => undefined);
  return client;
}
