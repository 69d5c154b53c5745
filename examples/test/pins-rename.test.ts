import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import type { Announcing, OnceoverEvent } from "@onceover/core";
import { memoryRegistry } from "@onceover/core/revisions";
import { type Listening, listen } from "@onceover/test/listen";
import { type PostgresServer, startPostgres } from "@onceover/test/postgres-server";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type CustomersRevision, customersService, PINS_OF } from "../pins/rename/customers.js";

const page = readFileSync(join(import.meta.dirname, "../../docs/pins.md"), "utf8");

interface Row {
  readonly sql: string;
  readonly live: readonly CustomersRevision[];
  /** What becomes of a caller, by its schema revision. */
  readonly cells: Readonly<Record<string, string>>;
}

const isRevision = (name: string): name is CustomersRevision => name in PINS_OF;

function rowOf([, sql = "", live = "", ...cells]: readonly string[]): Row {
  const [ten = "", eleven = "", twelve = "", thirteen = ""] = cells.map((cell) => cell.replaceAll("`", ""));
  return {
    sql,
    live: live.split(", ").filter(isRevision),
    cells: { 10: ten, 11: eleven, 12: twelve, 13: thirteen },
  };
}

/** The table of docs/pins.md. */
const ROWS = [...page.matchAll(/^\| `(\w+\.sql)` \| (r[^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(
  rowOf,
);

describe("a column renamed in three releases", () => {
  let postgres: PostgresServer;
  let pool: Pool;
  beforeAll(async () => {
    postgres = await startPostgres();
    pool = new Pool({ connectionString: postgres.url });
  });
  afterAll(async () => {
    for (const revision of [...running.keys()]) await stop(revision);
    await pool.end();
    await postgres.stop();
  });

  interface Running {
    readonly served: Listening;
    readonly announcing: Announcing;
    refresh(): Promise<unknown>;
  }
  const running = new Map<CustomersRevision, Running>();
  const registry = memoryRegistry();
  const events: OnceoverEvent[] = [];
  let hasRun = "";
  let customers = 0;

  async function start(revision: CustomersRevision): Promise<Running> {
    let listener: RequestListener = () => {};
    const served = await listen(createServer((request, response) => listener(request, response)));
    const { app, once } = customersService(revision, {
      pool,
      registry,
      address: served.url,
      on: (event) => void events.push(event),
    });
    listener = app;
    const started = { served, announcing: await once.pins.announce(), refresh: () => once.pins.refresh() };
    running.set(revision, started);
    return started;
  }

  async function stop(revision: CustomersRevision): Promise<void> {
    await running.get(revision)?.announcing.stop();
    await running.get(revision)?.served.close();
    running.delete(revision);
  }

  /** Revisions that are to leave do so before the SQL runs, and those that are to come after it. */
  async function goTo({ sql, live }: Row): Promise<void> {
    for (const revision of running.keys()) if (!live.includes(revision)) await stop(revision);
    if (sql !== hasRun) await pool.query(readFileSync(join(import.meta.dirname, "../pins/rename", sql), "utf8"));
    hasRun = sql;
    for (const revision of live) if (!running.has(revision)) await start(revision);
    for (const each of running.values()) await each.refresh();
  }

  /** Who answers a caller in the shape that it was built against, asked of each live revision; or how they refuse. */
  async function answerersOf(schemaRev: string): Promise<string> {
    const found = new Set<unknown>();
    for (const { served } of running.values()) {
      const answer = await fetch(`${served.url}/customers/1`, { headers: { "Schema-Rev": schemaRev } });
      const body = (await answer.json()) as Readonly<Record<string, unknown>>;
      const name = schemaRev === "11" ? body.name : body.fullName;
      found.add(name === undefined ? body.code : answer.headers.get("Revision"));
    }
    return [...found].sort().join(", ");
  }

  async function cells(): Promise<Row["cells"]> {
    const entries = ["10", "11", "12", "13"].map(async (rev) => [rev, await answerersOf(rev)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  async function addCustomer(revision: CustomersRevision): Promise<void> {
    const [schemaRev = 0] = PINS_OF[revision].accepts.schemaRev;
    const body = JSON.stringify(schemaRev === 11 ? { name: `of ${revision}` } : { fullName: `of ${revision}` });
    const headers = { "Content-Type": "application/json", "Schema-Rev": String(schemaRev) };
    const url = `${running.get(revision)?.served.url}/customers/${++customers}`;
    expect((await fetch(url, { method: "PUT", headers, body })).status).toBe(204);
  }

  /** The names of all customers, as a caller gets them who says nothing of itself. */
  async function names(revision: CustomersRevision): Promise<unknown[]> {
    const url = running.get(revision)?.served.url;
    const ids = Array.from({ length: customers }, (_, at) => at + 1);
    const bodies = ids.map(
      async (id) => (await fetch(`${url}/customers/${id}`)).json() as Promise<{ fullName?: unknown }>,
    );
    return (await Promise.all(bodies)).map(({ fullName }) => fullName);
  }

  it("has a row in docs/pins.md for each moment", () => {
    expect(ROWS.map(({ live }) => live.join(" "))).toEqual(["r41", "r41 r42", "r42 r43", "r43 r44", "r44"]);
  });

  it.each(ROWS)("after $sql, with $live live, callers meet what the table says, and no name is lost", async (row) => {
    await goTo(row);
    for (const revision of row.live) await addCustomer(revision);
    await vi.waitFor(async () => expect(await cells()).toEqual(row.cells), { timeout: 10_000, interval: 50 });
    for (const revision of row.live) {
      const found = await names(revision);
      expect(found.filter((name) => typeof name !== "string" || !/^of r4\d$/.test(name))).toEqual([]);
    }
  });

  it("each revision fits the backend and those beside it, and r44 beside r42 is reported", async () => {
    const [r42, r44] = ["r42", "r44"] as const;
    expect(events.filter(({ type }) => type === "window-broken")).toEqual([]);
    await stop(r44);
    await start(r42);
    const { announcing } = await start(r44);
    const mismatch = { writer: r42, reader: r44, pin: "schemaRev", writes: 11, accepts: [12] };
    expect(announcing.mismatches).toEqual([mismatch]);
    expect(events).toContainEqual({ type: "window-broken", ...mismatch });
  });
});
