import { describeStore } from "@onceover/conformance";
import { afterAll, beforeAll, describe } from "vitest";
import { upstashStore } from "../src/index.js";
import { type Database, type Settings, startDatabase } from "./clients.js";

/** Everything that can be set otherwise than the client has it by itself. */
const ODD: Settings = {
  automaticDeserialization: false,
  responseEncoding: false,
  enableAutoPipelining: false,
  readYourWrites: false,
  enableTelemetry: false,
  keepAlive: false,
  retry: { retries: 20, backoff: () => 0 },
};

let database: Database;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(() => database.stop());

describe.each<[string, Settings]>([
  ["a client as it is by default", {}],
  ["a client with every setting turned round", ODD],
])("%s", (_, settings) => {
  describeStore("upstash", {
    capabilities: { tier: "T1", durable: false },
    async open() {
      const prefix = `case-${crypto.randomUUID()}:`;
      const open = () => upstashStore({ client: database.connect(settings), prefix, timeoutMs: 10_000 });
      return { store: open(), second: async () => open(), close: async () => {} };
    },
    async openSmall() {
      const small = await startDatabase(["--maxmemory", "5mb", "--maxmemory-policy", "noeviction"]);
      const open = () => upstashStore({ client: small.connect(settings), timeoutMs: 10_000 });
      return { store: open(), second: async () => open(), close: () => small.stop() };
    },
  });
});
