/** The stores that every adapter is tried over: fresh ones for each case, on a file or a server of the suite's own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@onceover/core";
import { lmdbStore } from "@onceover/lmdb";
import { redisStore } from "@onceover/redis";
import { Redis } from "ioredis";
import { startRedis } from "./redis-server.js";

/** Opens stores until it is ended. */
export interface StoreOpener {
  openStore(): Promise<{ readonly store: Store; close(): Promise<void> }>;
  /** Removes what the stores were kept in. */
  end(): Promise<void>;
}

/** LMDB files in a folder of their own. */
export function lmdbOpener(): StoreOpener {
  const folder = mkdtempSync(join(tmpdir(), "onceover-adapter-"));
  let files = 0;
  return {
    async openStore() {
      const store = lmdbStore({ path: join(folder, `records-${++files}.lmdb`) });
      return { store, close: () => store.close() };
    },
    async end() {
      rmSync(folder, { recursive: true });
    },
  };
}

/** One Redis, each store with a connection and a prefix of its own. */
export function redisOpener(): StoreOpener {
  const starting = startRedis();
  let stores = 0;
  return {
    async openStore() {
      const client = new Redis((await starting).port, "127.0.0.1");
      const store = redisStore({ client, prefix: `case-${++stores}:` });
      return {
        store,
        async close() {
          await store.close();
          client.disconnect();
        },
      };
    },
    async end() {
      await (await starting).stop();
    },
  };
}
