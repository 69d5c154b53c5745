import { OnceoverError } from "@onceover/core";
import type { RedisClient } from "./client.js";
import { withDeadline } from "./deadline.js";
import { storeError } from "./errors.js";
import { asUnavailable } from "./failure.js";
import { checkOptions } from "./options.js";

/** Options of `redisPins`: where the pins are, in `key` or in `hash`. */
export type RedisPinsOptions = {
  /** A `Redis` (single node or Sentinel) or `Cluster` of ioredis. Its own settings may be any; it is not closed. */
  readonly client: RedisClient;
  /** How long a reading may take until it rejects, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
} & (
  | {
      /** Name of a key whose value is a JSON object: `{"schemaRev":12,"indexHash":"9f"}`. The client's own `keyPrefix` comes on top. */
      readonly key: string;
      readonly hash?: never;
    }
  | {
      /** Name of a hash whose fields have the names of the pins: `schemaRev`, `indexHash`. The client's own `keyPrefix` comes on top. */
      readonly hash: string;
      readonly key?: never;
    }
);

type ReadPins = () => Promise<Readonly<Record<string, unknown>>>;

/**
 * Makes a reader of the pins that the backend has, as whoever builds the index or migrates the schema keeps them in Redis. It
 * reads once for each call. It rejects with `OnceoverError` `store-unavailable` where Redis does not answer in time or with an
 * error, and where the key is absent or is no JSON object: no pins are not the same as none required.
 *
 * @throws TypeError where an option breaks its rule
 */
export function redisPins(options: RedisPinsOptions): ReadPins {
  checkOptions(options);
  const { client, timeoutMs = 1000 } = options;
  const read = readerOf(options);
  return () =>
    withDeadline(
      performance.now() + timeoutMs,
      () => read(client),
      (error) => asUnavailable(storeError(error)),
    );
}

function readerOf({ key, hash }: RedisPinsOptions): (client: RedisClient) => ReturnType<ReadPins> {
  if ((key === undefined) === (hash === undefined)) {
    throw new TypeError(`redisPins must be given either key or hash, got ${key === undefined ? "neither" : "both"}`);
  }
  if (key !== undefined) return readKey(nameOf("key", key));
  return readHash(nameOf("hash", hash));
}

function nameOf(option: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new TypeError(`${option} must be a string of at least one character, got ${JSON.stringify(value)}`);
}

function readKey(key: string) {
  return async (client: RedisClient) => {
    const text = await client.get(key);
    if (text === null) throw noPins(`there is no key ${JSON.stringify(key)}`);
    const value = parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
    throw noPins(`the value of ${JSON.stringify(key)} is no JSON object`);
  };
}

function readHash(hash: string) {
  return async (client: RedisClient) => {
    const fields = await client.hgetall(hash);
    // A hash without fields is a hash that is not there.
    if (Object.keys(fields).length === 0) throw noPins(`there is no hash ${JSON.stringify(hash)}`);
    return fields;
  };
}

/** Nothing where the text is no JSON: an error of the parser's would quote it. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function noPins(why: string): OnceoverError {
  return new OnceoverError("store-unavailable", `Redis has no pins: ${why}`);
}
