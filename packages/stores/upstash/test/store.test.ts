import type { Store } from "@onceover/core";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type UpstashClient, upstashStore } from "../src/index.js";
import { asking, type Database, newKey, newToken, SETTINGS, scopeOf, startDatabase } from "./clients.js";

const DAY_MS = 86_400_000;
const RECORD = new TextEncoder().encode("the answer");

let database: Database;
beforeAll(async () => {
  database = await startDatabase();
});
afterAll(() => database.stop());
beforeEach(() => database.rest.heal());

/** The names of the commands that `work` sent, one list for each HTTP call. */
async function callsDuring(work: () => Promise<unknown>): Promise<string[][]> {
  const before = database.rest.seen.length;
  await work();
  return database.rest.seen.slice(before).map(({ commands }) => commands.map(([name = ""]) => name));
}

/** Every verb once, with what it must answer. */
function story(store: Store): [string, () => Promise<unknown>, unknown][] {
  const { key, token } = asking();
  return [
    ["acquire", () => store.acquire(asking({ key, token })), { outcome: "acquired", attempt: 1 }],
    ["acquire by another", () => store.acquire(asking({ key })), { outcome: "running", fingerprint: "t1:request" }],
    ["renew", () => store.renew(key, token, 60_000), "ok"],
    ["read", () => store.read(key), { outcome: "running" }],
    ["complete", () => store.complete(key, token, RECORD, DAY_MS), "ok"],
    ["replay", () => store.acquire(asking({ key })), { outcome: "done", record: RECORD }],
    ["abandon", () => store.abandon(key, token), "stale"],
    ["forget", () => store.forget(key), "ok"],
    ["forget again", () => store.forget(key), "none"],
    ["read again", () => store.read(key), { outcome: "none" }],
  ];
}

async function tell(store: Store, before: () => Promise<unknown> = async () => undefined): Promise<void> {
  for (const [verb, call, expected] of story(store)) {
    await before();
    const answer = await call();
    if (typeof expected === "string") expect(answer, verb).toBe(expected);
    else expect(answer, verb).toMatchObject(expected as object);
  }
}

describe.each(SETTINGS)("whatever the client's settings: %s", (_, settings) => {
  it("every verb answers the same", async () => {
    await tell(upstashStore({ client: database.connect(settings) }));
  });

  it("a record of every byte, and one that looks like JSON, base64 or a number, are answered byte for byte", async () => {
    const store = upstashStore({ client: database.connect(settings) });
    const every = Uint8Array.from({ length: 65_536 }, (_, index) => (index + (index >> 8)) % 256);
    const looks = ["", "123", '{"a":1}', "OK", "Tw==", "null", "\uFEFFbom", "Ã©"].map((text) =>
      new TextEncoder().encode(text),
    );
    for (const record of [every, ...looks]) {
      const { key, token } = asking();
      await store.acquire(asking({ key, token }));
      expect(await store.complete(key, token, record, DAY_MS)).toBe("ok");
      const found = await store.acquire(asking({ key }));
      expect(found.outcome === "done" && Buffer.compare(found.record, record)).toBe(0);
    }
  });

  it("unknown outcomes are listed", async () => {
    const store = upstashStore({ client: database.connect(settings), prefix: `unknown-${newKey()}:` });
    const lapsed = asking({ leaseMs: 1 });
    const { fence } = (await store.acquire(lapsed)) as { fence: number };
    await store.acquire(asking());
    await expect.poll(async () => (await store.read(lapsed.key)).outcome).toBe("unknown");
    const { items } = await store.unknowns();
    expect(items).toMatchObject([{ key: lapsed.key, fence, attempt: 1, fingerprint: lapsed.fingerprint }]);
  });
});

it("what the client logs about latency names commands, and no key of ours", async () => {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
  try {
    await tell(upstashStore({ client: database.connect({ latencyLogging: true }), prefix: "canary:" }));
  } finally {
    log.mockRestore();
  }
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.join()).not.toContain("canary");
});

describe("round trips", () => {
  it("every verb is one HTTP call with one command, a first run two and a replay one", async () => {
    const store = upstashStore({ client: database.connect() });
    await tell(store);
    for (const [verb, call] of story(store)) expect(await callsDuring(call), verb).toEqual([["evalsha"]]);
  });

  it("calls made at once are not gathered into one that all of them depend on", async () => {
    const store = upstashStore({ client: database.connect({ enableAutoPipelining: true }) });
    const all = () => Promise.all(Array.from({ length: 20 }, () => store.acquire(asking())));
    expect(await callsDuring(all)).toEqual(Array.from({ length: 20 }, () => ["evalsha"]));
  });

  it("a page of unknown outcomes is two HTTP calls, however many there are", async () => {
    const store = upstashStore({ client: database.connect(), prefix: `page-${newKey()}:` });
    await Promise.all(Array.from({ length: 50 }, () => store.acquire(asking({ leaseMs: 1 }))));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const calls = await callsDuring(async () => {
        const page = await store.unknowns(cursor);
        listed.push(...page.items.map(({ key }) => key));
        cursor = page.cursor;
      });
      expect(calls.map(([first]) => first)).toEqual(calls.length === 1 ? ["scan"] : ["scan", "script"]);
    } while (cursor !== undefined);
    expect(new Set(listed).size).toBe(50);
  });
});

it("SCRIPT FLUSH between calls costs a resend and changes no answer", async () => {
  const store = upstashStore({ client: database.connect() });
  await tell(store, () => database.server.cli("script", "flush", "sync"));
  await database.server.cli("script", "flush", "sync");
  expect(await callsDuring(() => store.read(newKey()))).toEqual([["evalsha"], ["eval"]]);
});

describe("an answer that no script gave", () => {
  const reasons = ["Operation timed out", "Navigated away", "Stopped", "1 s is over", "A|1|1|1"];

  it.each(reasons)("is never taken for one: a client that answers `%s`", async (reason) => {
    const { pipeline, scan } = database.connect();
    const client: UpstashClient = { pipeline, scan, exec: async <T>() => `${reason} (aborted)` as T };
    const store = upstashStore({ client });
    for (const [verb, call] of story(store)) {
      await expect(call(), verb).rejects.toMatchObject({ code: "store-unavailable" });
    }
  });

  it.each([true, false])(
    "because the client's own signal was aborted, which it answers as a success (base64: %s)",
    async (base64) => {
      for (const reason of reasons.slice(0, 4)) {
        const client = database.connect({
          signal: AbortSignal.abort(reason),
          responseEncoding: base64 ? "base64" : false,
        });
        for (const [verb, call] of story(upstashStore({ client }))) {
          await expect(call(), verb).rejects.toMatchObject({ code: "store-unavailable" });
        }
      }
    },
  );
});

describe("a record of a later version, or of somebody else", () => {
  it.each([
    ["a later version", "2|R|what|ever|came|later"],
    ["no layout of ours", '{"state":"running"}'],
    ["an empty string", ""],
  ])("%s: every verb rejects as record-unreadable and writes nothing, until it is forgotten", async (_, value) => {
    const prefix = `foreign-${newKey()}:`;
    const key = newKey();
    await database.server.cli("set", prefix + key, value);
    const store = upstashStore({ client: database.connect(), prefix });
    const calls = [
      () => store.acquire(asking({ key, takeOver: true })),
      () => store.renew(key, newToken(), 1000),
      () => store.complete(key, newToken(), RECORD, DAY_MS),
      () => store.abandon(key, newToken()),
      () => store.read(key),
      () => store.unknowns(),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "record-unreadable" });
    expect(await database.server.cli("get", prefix + key)).toBe(value);
    expect(await store.forget(key)).toBe("ok");
    await database.server.cli("set", prefix + key, value);
    expect(await store.forgetScope(scopeOf(key))).toEqual({ forgotten: 1 });
    expect(await database.server.cli("exists", prefix + key)).toBe("0");
  });
});

describe("options", () => {
  const client = {} as UpstashClient;
  it.each([
    [{ client }, "client must be a Redis of @upstash/redis, 1.35.3 or later"],
    [{ prefix: "" }, 'prefix must be a string of at least one character, got ""'],
    [{ timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
    [{ timeoutMs: 2 ** 31 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 2147483648"],
  ])("%j is refused at creation", (options, message) => {
    expect(() => upstashStore({ client: database.connect(), ...options })).toThrow(new TypeError(message));
  });

  it("a cursor that unknowns() or forgetScope() never gave is refused", async () => {
    const store = upstashStore({ client: database.connect() });
    await expect(store.unknowns("0 MATCH *")).rejects.toThrow(TypeError);
    const forgetting = store.forgetScope(scopeOf(newKey()), "0 MATCH *");
    await expect(forgetting).rejects.toThrow(
      new TypeError('cursor must be one that forgetScope() gave, got "0 MATCH *"'),
    );
  });
});
