/**
 * A process that begins a run, writes its effect and says so; on SIGUSR2 it completes and says how that ended. Its
 * arguments are the database, the key and the lease in milliseconds.
 */
import type { StoreKey } from "@onceover/core";
import { postgresStore } from "../src/index.js";
import { asking, connect } from "./pools.js";

const [url = "", key = "", leaseMs = ""] = process.argv.slice(2);
const pool = connect(url);
const store = postgresStore({ pool, timeoutMs: 10_000 });
const begun = await store.begin?.(asking({ key: key as StoreKey, leaseMs: Number(leaseMs) }), 0);
if (begun?.outcome !== "acquired") throw new Error(`the key is ${begun?.outcome}`);
const { transaction } = begun;
const tx = transaction.client as import("pg").PoolClient;
await tx.query("INSERT INTO effects VALUES ($1)", [key]);

process.on("SIGUSR2", async () => {
  const said = (call: Promise<unknown>) => call.then(String, ({ code }: { readonly code: string }) => code);
  const wrote = await said(tx.query("INSERT INTO effects VALUES ($1)", [key]).then(() => "wrote"));
  const completed = await said(transaction.complete(new TextEncoder().encode("late"), 86_400_000));
  console.log(`ended: ${wrote}, ${completed}, ${await transaction.renew()}`);
});
// The handler of a signal keeps no process alive.
setInterval(() => undefined, 60_000);
console.log("begun");
