import {
  ABANDON,
  ACQUIRE,
  COMPLETE,
  FORGET,
  INSPECT,
  PROBE,
  READ,
  REGISTRY_SCRIPTS,
  RENEW,
} from "@onceover/redis/scripts";
import { asText } from "./as-text.js";

/** The scripts of @onceover/redis, taking and giving text. */
export const scripts = {
  acquire: asText(ACQUIRE),
  renew: asText(RENEW),
  complete: asText(COMPLETE),
  abandon: asText(ABANDON),
  read: asText(READ),
  forget: asText(FORGET),
  inspect: asText(INSPECT),
  probe: asText(PROBE),
} as const;

/** The same of a registry. */
export const registryScripts = {
  write: asText(REGISTRY_SCRIPTS.write),
  count: asText(REGISTRY_SCRIPTS.count),
  list: asText(REGISTRY_SCRIPTS.list),
  remove: asText(REGISTRY_SCRIPTS.remove),
} as const;

const digests = new Map<string, string>();

/**
 * The digest under which a server knows a script. Only the digest is kept, never the promise of it: on Workers a
 * promise dies with the request that made it, and whoever else waited for it would wait for ever.
 */
export async function digestOf(lua: string): Promise<string> {
  const known = digests.get(lua);
  if (known !== undefined) return known;
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-1", new TextEncoder().encode(lua)));
  const digest = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  digests.set(lua, digest);
  return digest;
}
