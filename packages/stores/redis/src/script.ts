import { createHash } from "node:crypto";
import { REGISTRY_SCRIPTS } from "./registry-over.js";
import { ABANDON } from "./scripts/abandon.js";
import { ACQUIRE } from "./scripts/acquire.js";
import { COMPLETE } from "./scripts/complete.js";
import { FORGET } from "./scripts/forget.js";
import { INSPECT } from "./scripts/inspect.js";
import { PROBE } from "./scripts/probe.js";
import { READ } from "./scripts/read.js";
import { RENEW } from "./scripts/renew.js";
import { WATCH } from "./scripts/watch.js";

/** A Lua script and the digest under which a server knows it. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** One run of a script on the one key it touches. */
export interface ScriptCall {
  readonly script: Script;
  /** As the client is given it; a `keyPrefix` of the client's own comes on top. */
  readonly key: string;
  readonly args: readonly (string | Buffer)[];
}

export const scripts = {
  acquire: script(ACQUIRE),
  renew: script(RENEW),
  complete: script(COMPLETE),
  abandon: script(ABANDON),
  read: script(READ),
  watch: script(WATCH),
  forget: script(FORGET),
  inspect: script(INSPECT),
  probe: script(PROBE),
} as const;

export const registryScripts = {
  write: script(REGISTRY_SCRIPTS.write),
  count: script(REGISTRY_SCRIPTS.count),
  list: script(REGISTRY_SCRIPTS.list),
  remove: script(REGISTRY_SCRIPTS.remove),
} as const;

function script(lua: string): Script {
  return { lua, sha: createHash("sha1").update(lua).digest("hex") };
}
