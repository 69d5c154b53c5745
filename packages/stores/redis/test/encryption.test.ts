import { describeStore } from "@onceover/conformance";
import { encryptRecords } from "@onceover/core/encryption";
import { type RedisServer, startRedis } from "@onceover/test/redis-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisStore } from "../src/index.js";
import { asking, connect } from "./clients.js";

const keys = [{ id: "2026-11", key: new Uint8Array(32).fill(7) }];

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

describe("under encryption", () => {
  describeStore("redis, encrypted", {
    capabilities: { tier: "T1", durable: false, watches: true },
    async open() {
      const clients = [connect(server.port), connect(server.port)] as const;
      const prefix = `case-${crypto.randomUUID()}:`;
      const [store, other] = clients.map((client) => encryptRecords(redisStore({ client, prefix }), { keys })) as [
        ReturnType<typeof encryptRecords>,
        ReturnType<typeof encryptRecords>,
      ];
      return {
        store,
        second: async () => other,
        close: async () => {
          for (const client of clients) client.disconnect();
        },
      };
    },
  });

  it("a record that was changed in the server is record-unreadable, and the one it was is not shown", async () => {
    const client = connect(server.port);
    const store = encryptRecords(redisStore({ client }), { keys });
    const { key, token, ...rest } = asking();
    await store.acquire({ key, token, ...rest });
    await store.complete(key, token, new TextEncoder().encode("the answer"), 60_000);
    const name = `onceover:${key}`;
    const bytes = await client.getBuffer(name);
    const last = bytes?.at(-1) ?? 0;
    await client.setrange(name, (bytes?.length ?? 1) - 1, Buffer.of(last ^ 1));
    await expect(store.read(key)).rejects.toMatchObject({ code: "record-unreadable" });
    expect(await store.forget(key)).toBe("ok");
    client.disconnect();
  });
});
