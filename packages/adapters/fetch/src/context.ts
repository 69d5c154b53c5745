import type { MaybePromise, Verdict } from "@onceover/core";

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void;
}

/** The last of a handler's arguments that can keep the runtime from freezing it: the `ctx` of Workers, for one. */
export function contextAmong(rest: readonly unknown[]): ExecutionContext | undefined {
  return rest.findLast(isContext);
}

function isContext(value: unknown): value is ExecutionContext {
  return typeof value === "object" && value !== null && "waitUntil" in value && typeof value.waitUntil === "function";
}

/** Keeps the runtime at work until an arrival is judged, and its run, if it begins one, has its record. */
export function keepAlive(arriving: MaybePromise<Verdict>, context: () => ExecutionContext | undefined): void {
  if (arriving instanceof Promise) context()?.waitUntil(arriving.then(runSettled, () => {}));
}

function runSettled(verdict: Verdict): Promise<unknown> | undefined {
  return verdict.action === "run" ? verdict.run.settled() : undefined;
}
