/** The verbs of a registry, over whatever runs the scripts. Web APIs only. */
import type { RevisionRegistry } from "@onceover/core/revisions";
import { whole } from "./arguments.js";
import { decodeAnnounced, decodeCounted, decodeListed } from "./registry-reply.js";
import { decodeForgotten } from "./reply.js";
import { ANNOUNCE } from "./scripts/announce.js";
import { COUNT } from "./scripts/count.js";
import { LIST } from "./scripts/list.js";
import { WITHDRAW } from "./scripts/withdraw.js";

/** The scripts of a registry by its verbs. */
export const REGISTRY_SCRIPTS = { write: ANNOUNCE, count: COUNT, list: LIST, remove: WITHDRAW } as const;

/** Runs the script of a verb on one key, and settles with the bytes of its reply or rejects with an error of ours in time. */
export type RunVerb = (
  verb: keyof typeof REGISTRY_SCRIPTS,
  key: string,
  args: readonly string[],
) => Promise<Uint8Array>;

/** A registry of that name. It has begun nothing that it would have to end. */
export function registryOver(name: string, prefix: string, run: RunVerb): RevisionRegistry {
  // No store key has a colon, so that no walk over records meets these.
  const keyOf = (service: string) => `${prefix}revisions:${service}`;
  return {
    name,
    async write(service, id, text, keepMs) {
      decodeAnnounced(await run("write", keyOf(service), [id, whole(keepMs), text]));
    },
    async count(service, id, keepMs) {
      return decodeCounted(await run("count", keyOf(service), [id, whole(keepMs)]));
    },
    async list(service) {
      return decodeListed(await run("list", keyOf(service), []));
    },
    async remove(service, id) {
      return decodeForgotten(await run("remove", keyOf(service), [id]));
    },
    close() {},
  };
}
