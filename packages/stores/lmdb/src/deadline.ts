import { OnceoverError } from "@onceover/core";

/** Bounds calls in time and knows which of them are under way. */
export interface Deadline {
  /** Runs one call. Rejects with `store-unavailable` after the deadline, while the call itself goes on. */
  bound<T>(what: string, call: (isOver: () => boolean) => Promise<T>): Promise<T>;
  /** Counts work that nobody waits for, so that `idle` does. */
  watch(work: Promise<unknown>): void;
  /** Resolves when no call is under way, or after the deadline; says which. */
  idle(): Promise<"idle" | "late">;
}

/** Makes a deadline of `timeoutMs` for every call. */
export function deadline(timeoutMs: number): Deadline {
  const underWay = new Set<Promise<unknown>>();

  function watch(work: Promise<unknown>): void {
    const settled = work.then(done, done);
    underWay.add(settled);
    function done(): void {
      underWay.delete(settled);
    }
  }

  async function bound<T>(what: string, call: (isOver: () => boolean) => Promise<T>): Promise<T> {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        over = true;
        reject(unavailable(`${what} took longer than ${timeoutMs} ms; it may still take effect`));
      }, timeoutMs);
    });
    const work = call(() => over);
    watch(work);
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      throw error instanceof OnceoverError ? error : unavailable(`${what} failed`, error);
    } finally {
      clearTimeout(timer);
    }
  }

  async function idle(): Promise<"idle" | "late"> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, timeoutMs, "late");
    });
    const quiet = Promise.all(underWay).then(() => "idle" as const);
    try {
      return await Promise.race([quiet, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  return { bound, watch, idle };
}

/** Calls `attempt` until it says something else than "again", for as long as somebody waits for it. */
export async function untilSettled<T>(
  what: string,
  isOver: () => boolean,
  attempt: () => Promise<T | "again"> | T | "again",
): Promise<T> {
  for (;;) {
    const result = await attempt();
    if (result !== "again") return result;
    if (isOver()) throw unavailable(`${what} gave way to other writers until its time was over`);
  }
}

/** A call that did not get its answer. */
export function unavailable(message: string, cause?: unknown): OnceoverError {
  return new OnceoverError("store-unavailable", `the LMDB file: ${message}`, { cause });
}
