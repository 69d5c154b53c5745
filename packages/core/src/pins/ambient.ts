/** The request that is being handled, for whoever does not hand it on. */

import type { Pinned } from "../pinned.js";

interface Ambient {
  run<T>(pinned: Pinned, handle: () => T): T;
  getStore(): Pinned | undefined;
}

type AmbientClass = new () => Ambient;

/**
 * Asked of the process and not imported, so that bundlers for the edge find no Node built-in in core; some edge runtimes have the
 * class among their globals. Elsewhere there is none, and a handler passes on what it was given.
 */
function ambientClass(): AmbientClass | undefined {
  const { process, AsyncLocalStorage } = globalThis as {
    process?: { getBuiltinModule?: (id: string) => unknown };
    AsyncLocalStorage?: AmbientClass;
  };
  const hooks = process?.getBuiltinModule?.("node:async_hooks") as { AsyncLocalStorage?: AmbientClass } | undefined;
  return hooks?.AsyncLocalStorage ?? AsyncLocalStorage;
}

const Found = ambientClass();

export const ambient: Ambient | undefined = Found === undefined ? undefined : new Found();
