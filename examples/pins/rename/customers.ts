import { createOnceover, memoryStore, type OnEvent, type PinnedOnceover, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { type RevisionRegistry, revisions } from "@onceover/core/revisions";
import { onceover } from "@onceover/express";
import { nodeForward } from "@onceover/node/forward";
import { postgresPins } from "@onceover/postgres";
import express, { type Express, type Request, type Response } from "express";
import type { Pool } from "pg";

/** A column is renamed in three releases: what each revision says of itself. */
export const PINS_OF = {
  r41: { writes: { schemaRev: 11 }, accepts: { schemaRev: [11] } },
  r42: { writes: { schemaRev: 11 }, accepts: { schemaRev: [11, 12] } },
  r43: { writes: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] } },
  r44: { writes: { schemaRev: 12 }, accepts: { schemaRev: [12] } },
};

/** And what it does to the table. */
export const SQL_OF = {
  r41: {
    insert: "INSERT INTO customers (id, name) VALUES ($1, $2)",
    select: "SELECT name FROM customers WHERE id = $1",
  },
  r42: {
    insert: "INSERT INTO customers (id, name, full_name) VALUES ($1, $2, $2)",
    select: "SELECT coalesce(full_name, name) AS name FROM customers WHERE id = $1",
  },
  r43: {
    insert: "INSERT INTO customers (id, full_name) VALUES ($1, $2)",
    select: "SELECT full_name AS name FROM customers WHERE id = $1",
  },
  r44: {
    insert: "INSERT INTO customers (id, full_name) VALUES ($1, $2)",
    select: "SELECT full_name AS name FROM customers WHERE id = $1",
  },
};

/** One of the revisions, each of which runs until the next but one is out. */
export type CustomersRevision = keyof typeof PINS_OF;

/** What an instance stands on. */
export interface CustomersGround {
  readonly pool: Pool;
  readonly registry: RevisionRegistry;
  readonly address: string;
  readonly on: OnEvent;
}

/** A service that keeps the names of customers. */
export function customersService(
  revision: CustomersRevision,
  { pool, registry, address, on }: CustomersGround,
): { readonly app: Express; readonly once: PinnedOnceover<Request> } {
  const once = createOnceover<Request>({
    service: "customers",
    revision,
    store: memoryStore(),
    scope: SHARED_SCOPE,
    on,
    pins: pins({
      ...PINS_OF[revision],
      read: postgresPins({ pool, sql: "SELECT max(rev) AS schema_rev FROM schema_revisions" }),
      revisions: revisions({
        registry,
        address,
        addresses: ({ hostname }) => hostname === "127.0.0.1",
        forwarder: nodeForward(),
        heartbeatMs: 200,
      }),
    }),
  });
  const app = express();
  app.use(onceover(once), express.json());
  app.get("/customers/:id", read);
  app.put("/customers/:id", write);

  async function read({ params, pinned }: Request, response: Response): Promise<void> {
    const { rows } = await pool.query(SQL_OF[revision].select, [params.id]);
    const name: string = rows[0]?.name;
    response.json(pinned?.asked.schemaRev === 11 ? { name } : { fullName: name });
  }

  async function write({ params, body }: Request, response: Response): Promise<void> {
    await pool.query(SQL_OF[revision].insert, [params.id, body.fullName ?? body.name]);
    response.status(204).end();
  }

  return { app, once };
}
