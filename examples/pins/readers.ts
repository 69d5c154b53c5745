/** Where a revision can read what its backend has. */

import { httpPins, pins } from "@onceover/core/pins";
import { filePins } from "@onceover/node";
import { postgresPins } from "@onceover/postgres";
import { redisPins } from "@onceover/redis";
import type { Redis } from "ioredis";
import type { Pool } from "pg";

/** The value of the key is a JSON object: `{"schemaRev": 12, "indexHash": "ix1-60303ae2"}`. Of a hash, `hash:` names it. */
export const fromRedis = (client: Redis) => redisPins({ client, key: "search:live" });

/** One statement that answers one row. */
export const fromPostgres = (pool: Pool) =>
  postgresPins({ pool, sql: "SELECT max(rev) AS schema_rev FROM schema_revisions" });

/** Whatever answers 200 and a JSON object. */
export const fromHttp = (url: string) => httpPins({ url, timeoutMs: 500 });

/** Replaced by renaming another file over it. */
export const fromFile = (path: string) => filePins({ path });

/** A collection of a vector store, as far as it says of itself what it was built from. */
export interface Collection {
  info(): Promise<{ readonly metadata: { readonly indexHash: string; readonly modelTag: string } }>;
}

/** Any function that gives an object of pins, or rejects. */
export const fromCollection = (collection: Collection) => async () => (await collection.info()).metadata;

/** Several places, one reading. */
export const searchPins = (pool: Pool, collection: Collection) =>
  pins({
    writes: { schemaRev: 12 },
    accepts: { schemaRev: [11, 12], indexHash: ["ix1-9f86d081", "ix1-60303ae2"], modelTag: ["m3"] },
    read: async () => ({ ...(await fromPostgres(pool)()), ...(await fromCollection(collection)()) }),
    refreshMs: 1000,
  });
