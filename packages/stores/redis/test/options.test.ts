import { Cluster, Redis } from "ioredis";
import { expect, it } from "vitest";
import { type RedisClient, redisStore } from "../src/index.js";

const client = new Redis({ lazyConnect: true });

it.each([
  [{ client: {} as RedisClient }, "client must be a Redis or Cluster of ioredis"],
  [{ client: undefined as unknown as RedisClient }, "client must be a Redis or Cluster of ioredis"],
  [{ client, prefix: "" }, 'prefix must be a string of at least one character, got ""'],
  [{ client, timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
  [{ client, timeoutMs: Number.NaN }, "timeoutMs must be a positive number of milliseconds below 2^31, got NaN"],
  [{ client, timeoutMs: 2 ** 31 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 2147483648"],
  [{ client, waitReplicas: 0 }, "waitReplicas must be a positive whole number, got 0"],
  [{ client, waitReplicas: 1.5 }, "waitReplicas must be a positive whole number, got 1.5"],
])("an option that breaks its rule is refused at creation: %#", (options, message) => {
  expect(() => redisStore(options)).toThrow(new TypeError(message));
});

it("waitReplicas on a Cluster is refused at creation", () => {
  const cluster = new Cluster([{ host: "127.0.0.1", port: 1 }], { lazyConnect: true });
  expect(() => redisStore({ client: cluster, waitReplicas: 1 })).toThrow(
    new TypeError("waitReplicas must be left out for a Cluster, which cannot confirm writes yet, got 1"),
  );
});

it("an option that is undefined is not given", () => {
  const given = { client, prefix: undefined, timeoutMs: undefined, waitReplicas: undefined };
  expect(redisStore(given as unknown as { client: Redis }).name).toBe("redis");
});
