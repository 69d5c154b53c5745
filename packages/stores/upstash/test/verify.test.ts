import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { upstashStore } from "../src/index.js";
import { type Database, SETTINGS, startDatabase } from "./clients.js";

let database: Database;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(() => database.stop());
afterEach(async () => {
  database.rest.heal();
  await database.server.cli("config", "set", "maxmemory-policy", "noeviction");
  await database.server.cli("acl", "setuser", "default", "allcommands");
});

it.each(SETTINGS)(
  "finds tier T1, and an eviction that is switched on, whatever the client's settings: %s",
  async (_, settings) => {
    const store = upstashStore({ client: database.connect(settings) });
    expect(await store.verify()).toEqual({ tier: "T1", findings: [] });
    await database.server.cli("config", "set", "maxmemory-policy", "volatile-lru");
    const { tier, findings } = await store.verify();
    expect(tier).toBe("T1");
    expect(findings).toMatchObject([{ setting: "eviction" }]);
    expect(findings[0]?.problem).toContain("volatile-lru");
  },
);

it("a database that does not tell its policy has no finding for it", async () => {
  await database.server.cli("acl", "setuser", "default", "-info");
  expect(await upstashStore({ client: database.connect() }).verify()).toEqual({ tier: "T1", findings: [] });
});

it("a token that may run no scripts is a finding, and not a database out of reach", async () => {
  await database.server.cli("acl", "setuser", "default", "-evalsha");
  const { findings } = await upstashStore({ client: database.connect() }).verify();
  expect(findings).toMatchObject([{ setting: "EVALSHA" }]);
  expect(findings[0]?.problem).toContain("NOPERM");
});

it("the probe leaves nothing behind", async () => {
  const before = await database.server.cli("dbsize");
  await upstashStore({ client: database.connect() }).verify();
  expect(await database.server.cli("dbsize")).toBe(before);
});

it("rejects where the database cannot be reached", async () => {
  database.rest.fail({ kind: "drop" });
  const store = upstashStore({ client: database.connect(), timeoutMs: 200 });
  await expect(store.verify()).rejects.toMatchObject({ code: "store-unavailable" });
});
