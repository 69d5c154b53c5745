import { describeRegistry } from "@onceover/conformance";
import type { RevisionRegistry } from "@onceover/core/revisions";
import { type DurableObjectServer, startDurableObjects } from "@onceover/test/durable-object-server";
import { connectObjects } from "@onceover/test/durable-objects";
import { newKey } from "@onceover/test/store-calls";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { durableObjectRegistry, objectNameOf } from "../src/durable-object-registry.js";
import type { RecordNamespace, RecordStub } from "../src/namespace.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const PATIENT_MS = 10_000;
const METHODS = ["writeRevision", "countRevision", "listRevisions", "removeRevision"] as const;

let server: DurableObjectServer;
beforeAll(async () => {
  server = await startDurableObjects();
});
afterAll(() => server.close());

/** Every call that was made through the namespace. */
type Calls = { readonly object: string; readonly method: string }[];

/** A namespace whose stubs call the objects over HTTP; `calls` is told of each. */
function namespaceAt(url: string, calls: Calls = []): RecordNamespace {
  const objects = connectObjects(url);
  const stubOf = (object: string) =>
    Object.fromEntries(
      METHODS.map((method) => [
        method,
        (...args: readonly unknown[]) => {
          calls.push({ object, method });
          return objects.call(object, method, ...args);
        },
      ]),
    );
  // The registry calls no other methods.
  return { idFromName: (name) => name, get: (id) => stubOf(String(id)) as unknown as RecordStub };
}

const open = (at = server, calls: Calls = []) =>
  durableObjectRegistry({ namespace: namespaceAt(at.url, calls), timeoutMs: PATIENT_MS });

describeRegistry("durable-object", {
  async open() {
    return {
      registry: open(),
      second: async () => open(),
      advance: (ms) => server.moveClock(ms),
      close: async () => {},
    };
  },
  async openBreakable() {
    const own = await startDurableObjects();
    const registry = durableObjectRegistry({ namespace: namespaceAt(own.url), timeoutMs: 1_000 });
    return {
      registry,
      second: async () => registry,
      breakDown: async () => own.server.pause(),
      async close() {
        own.server.resume();
        await own.close();
      },
    };
  },
});

describe("durableObjectRegistry()", () => {
  let service: string;
  let registry: RevisionRegistry;
  beforeEach(() => {
    service = newKey();
    registry = open();
  });

  const sql = (query: string, ...bindings: readonly (string | number)[]) =>
    connectObjects(server.url).call(objectNameOf(service), "exec", query, ...bindings) as Promise<
      Record<string, unknown>[]
    >;
  const idsOf = async () => (await registry.list(service)).map(({ id }) => id).sort();

  it("each verb is one call, of the one object of the service", async () => {
    const calls: Calls = [];
    const counted = open(server, calls);
    await counted.write(service, "r1", "text", DAY_MS);
    await counted.count(service, "epoch", DAY_MS);
    await counted.list(service);
    await counted.remove(service, "r1");
    expect(calls).toEqual(METHODS.map((method) => ({ object: `revisions-${service}`, method })));
  });

  it("golden: a text is this row", async () => {
    await registry.write(service, "r42", "text", DAY_MS);
    const [row] = await sql("SELECT *, first_ms = last_ms AS once, expires_ms - last_ms AS keep_ms FROM revisions");
    expect(row).toMatchObject({ id: "r42", version: 1, text: "text", once: 1, keep_ms: DAY_MS });
  });

  it("one row of another version fails closed: no list, no write over it, no count; the way out is remove()", async () => {
    for (const id of ["r1", "r2"]) await registry.write(service, id, "text", DAY_MS);
    await sql("UPDATE revisions SET version = 2, expires_ms = 1 WHERE id = 'r2'");
    const calls = [
      () => registry.list(service),
      () => registry.write(service, "r2", "text", DAY_MS),
      () => registry.count(service, "r2", DAY_MS),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        code: "store-unavailable",
        message: expect.stringContaining("cannot read"),
      });
    }
    await registry.write(service, "r1", "text", DAY_MS);
    expect(await sql("SELECT id, version FROM revisions ORDER BY id")).toEqual([
      { id: "r1", version: 1 },
      { id: "r2", version: 2 },
    ]);
    expect(await registry.remove(service, "r2")).toBe("ok");
    expect(await idsOf()).toEqual(["r1"]);
  });

  it("where the object's clock was set back, no age is negative, and the next write begins anew", async () => {
    await registry.write(service, "r1", "text", 2 * HOUR_MS);
    await sql(`UPDATE revisions SET first_ms = first_ms + ${HOUR_MS}, last_ms = last_ms + ${HOUR_MS}`);
    expect(await registry.list(service)).toEqual([{ id: "r1", text: "text", ageMs: 0, sinceMs: 0 }]);
    await registry.write(service, "r1", "text", 2 * HOUR_MS);
    expect(await sql("SELECT first_ms = last_ms AS anew FROM revisions")).toEqual([{ anew: 1 }]);
  });

  it("rows that are kept no longer go with the next write, no other, and no alarm is set for them", async () => {
    for (const id of ["ended", "kept"]) await registry.write(service, id, "text", DAY_MS);
    await sql("UPDATE revisions SET expires_ms = 1 WHERE id = 'ended'");
    await registry.write(service, "new", "text", DAY_MS);
    expect(await sql("SELECT id FROM revisions ORDER BY id")).toEqual([{ id: "kept" }, { id: "new" }]);
    expect(await sql("SELECT name FROM sqlite_master WHERE name = 'settings'")).toEqual([]);
  });

  it("what was announced is there after a restart", async () => {
    await registry.write(service, "r1", "text", DAY_MS);
    await registry.count(service, "epoch", DAY_MS);
    await server.restart();
    expect(await idsOf()).toEqual(["epoch", "r1"]);
    expect(await registry.count(service, "epoch", DAY_MS)).toBe(2);
  });

  it("in a class without SQLite every verb is store-unavailable, with what the platform says", async () => {
    const old = await startDurableObjects({ sql: false });
    try {
      const none = open(old);
      const calls = [
        () => none.write(service, "r1", "text", DAY_MS),
        () => none.count(service, "epoch", DAY_MS),
        () => none.list(service),
        () => none.remove(service, "r1"),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({
          code: "store-unavailable",
          message: expect.stringContaining("SQL"),
        });
      }
    } finally {
      await old.close();
    }
  });
});

describe("calls that fail in passing", () => {
  /** Stubs that fail as the platform does where an object is reset, so many times, and then answer. */
  function failing(times: number, reply: unknown): { readonly namespace: RecordNamespace; readonly made: string[] } {
    const made: string[] = [];
    const methods = METHODS.map((method) => [
      method,
      async () => {
        made.push(method);
        if (made.length <= times) throw Object.assign(new Error("reset"), { retryable: true });
        return reply;
      },
    ]);
    const stub = Object.fromEntries(methods) as unknown as RecordStub;
    return { namespace: { idFromName: (name) => name, get: () => stub }, made };
  }

  it("write(), list() and remove() are made again", async () => {
    const written = failing(2, { outcome: "put", text: "text" });
    await durableObjectRegistry({ namespace: written.namespace }).write("s", "r1", "text", DAY_MS);
    expect(written.made).toHaveLength(3);
    const list = failing(2, { outcome: "list", entries: [] });
    expect(await durableObjectRegistry({ namespace: list.namespace }).list("s")).toEqual([]);
    const removed = failing(2, "ok");
    expect(await durableObjectRegistry({ namespace: removed.namespace }).remove("s", "r1")).toBe("ok");
  });

  it("count() is not, since the call that failed may have counted", async () => {
    const { namespace, made } = failing(1, { outcome: "put", text: "2" });
    const counted = durableObjectRegistry({ namespace }).count("s", "epoch", DAY_MS);
    await expect(counted).rejects.toMatchObject({ code: "store-unavailable" });
    expect(made).toEqual(["countRevision"]);
  });

  it.each([undefined, null, {}, { outcome: "moved" }, "maybe"])(
    "an answer that this version does not know, %j, is store-unavailable, and no list with nothing in it",
    async (reply) => {
      const registry = durableObjectRegistry({ namespace: failing(0, reply).namespace });
      const calls = [
        () => registry.write("s", "r1", "text", DAY_MS),
        () => registry.count("s", "epoch", DAY_MS),
        () => registry.list("s"),
        () => registry.remove("s", "r1"),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "store-unavailable" });
    },
  );

  it.each([
    [{ namespace: {} }, "namespace must be the binding of a Durable Object class, such as env.RECORDS"],
    [{ timeoutMs: 0 }, "timeoutMs must be a positive number of milliseconds below 2^31, got 0"],
  ])("refuses %j and says why", (over, message) => {
    const { namespace } = failing(0, undefined);
    expect(() => durableObjectRegistry({ namespace, ...over } as never)).toThrow(new TypeError(message));
  });
});
