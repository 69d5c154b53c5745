import { describeStore } from "@onceover/conformance";
import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { connectObjects } from "@onceover/test/durable-objects";
import { afterAll, beforeAll } from "vitest";
import { durableObjectStore } from "../src/durable-object-store.js";

let server: DurableObjectServer;
beforeAll(async () => {
  server = await startDurableObjects();
});
afterAll(() => server.close());

describeStore("durable-object", {
  capabilities: { tier: "T3", durable: true },
  async open() {
    // Objects of its own for each case.
    const { namespace } = connectObjects(server.url, `${crypto.randomUUID()}-`);
    const open = () => durableObjectStore({ namespace, timeoutMs: 10_000 });
    return {
      store: open(),
      second: async () => open(),
      advance: (ms) => server.moveClock(ms),
      async reopen() {
        await server.restart();
        return open();
      },
      close: async () => {},
    };
  },
});
