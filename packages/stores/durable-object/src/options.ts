import type { RecordNamespace } from "./namespace.js";

/** Options of `durableObjectStore`. */
export interface DurableObjectStoreOptions {
  /** The binding of the class `OnceoverRecord`, or a jurisdiction of it. */
  readonly namespace: RecordNamespace;
  /** Over how many objects the records are spread, from 1 to 4096. For good: no other number finds them again. @default 16 */
  readonly shards?: number;
  /** How long a call may take until it rejects with `store-unavailable`, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
}

/** Options of `durableObjectRegistry`. */
export type DurableObjectRegistryOptions = Pick<DurableObjectStoreOptions, "namespace" | "timeoutMs">;

/** More would make `unknowns()` and `forgetScope()` a matter of minutes. */
const MOST_SHARDS = 4096;

/** Throws a TypeError that names the option, its rule and what was given. */
export function checkOptions({ namespace, shards, timeoutMs }: DurableObjectStoreOptions): void {
  const candidate: Partial<RecordNamespace> | undefined = namespace;
  if (typeof candidate?.idFromName !== "function" || typeof candidate.get !== "function") {
    throw new TypeError("namespace must be the binding of a Durable Object class, such as env.RECORDS");
  }
  if (shards !== undefined && !(Number.isInteger(shards) && shards >= 1 && shards <= MOST_SHARDS)) {
    throw new TypeError(`shards must be an integer from 1 to ${MOST_SHARDS}, got ${shards}`);
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= 2_147_483_647)) {
    throw new TypeError(`timeoutMs must be a positive number of milliseconds below 2^31, got ${timeoutMs}`);
  }
}
