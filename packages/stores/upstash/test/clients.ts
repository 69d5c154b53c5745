import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { startUpstashRest, type UpstashRest } from "@onceover/test/upstash-rest";
import { Redis, type RedisConfigNodejs } from "@upstash/redis";

export { asking, newKey, newToken, scopeOf } from "@onceover/test/store-calls";

/** A Redis with the REST interface of Upstash in front of it. */
export interface Database {
  readonly server: RedisServer;
  readonly rest: UpstashRest;
  /** A client of it, with the settings that a test is about. */
  connect(settings?: Settings): Redis;
  stop(): Promise<void>;
}

export type Settings = Partial<RedisConfigNodejs> & { readonly automaticDeserialization?: boolean };

export async function startDatabase(args: readonly string[] = []): Promise<Database> {
  const server = await startRedis({ args });
  const rest = await startUpstashRest(server.port);
  return {
    server,
    rest,
    connect: (settings = {}) => new Redis({ url: rest.url, token: rest.token, ...settings }),
    async stop() {
      await rest.close();
      await server.stop();
    },
  };
}

/** Settings of the client that change what is sent, how often, and what is made of the answer. */
export const SETTINGS: readonly [string, Settings][] = [
  ["its defaults", {}],
  ["no automatic deserialization", { automaticDeserialization: false }],
  ["no base64", { responseEncoding: false }],
  ["neither of them", { responseEncoding: false, automaticDeserialization: false }],
  ["no auto-pipelining", { enableAutoPipelining: false }],
  ["no reading of its own writes", { readYourWrites: false }],
  ["no telemetry, no keep-alive", { enableTelemetry: false, keepAlive: false }],
  ["retry: false", { retry: false }],
  ["retries at once", { retry: { retries: 20, backoff: () => 0 } }],
];
