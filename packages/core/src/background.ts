import type { Platform } from "./platform.js";

/** A run that goes on without a lease: nobody renews it, and the handler was told so. */
export interface InterruptedRun {
  readonly keyDigest: string;
  readonly attempt: number;
  readonly fence: number;
}

/** What goes on. A run says what it was when it is interrupted; one that has its answer already is not. */
export interface Task {
  interrupt?(): InterruptedRun | undefined;
}

/** Work that goes on after an answer went out. */
export interface Background {
  /**
   * Calls `attempt` after each of the pauses until it says `done`. Past a thousand tasks at once the new one is
   * given up at once: what it was to tell the store, the end of the lease will tell.
   */
  retry(pausesMs: readonly number[], attempt: () => Promise<"done" | "again">): Promise<"done" | "given-up">;
  /** Counts a task, so that `idle` waits for it; call the result when it ended. */
  enter(task: Task): () => void;
  /** Interrupts the runs that are going on. */
  interrupt(): readonly InterruptedRun[];
  /** Resolves when nothing is going on. */
  idle(): Promise<void>;
}

const MAX_TASKS = 1000;
/** Stores have deadlines well below it. */
const LONGEST_ATTEMPT_MS = 10_000;

/** An empty list of tasks. */
export function createBackground(platform: Platform): Background {
  /**
   * What goes on, each at a place of its own, and the places that are free: the tables that a long-lived Set grows out of hold on
   * to the runs that were in them, until the next full garbage collection.
   */
  const busy: (Task | undefined)[] = [];
  const free: number[] = [];
  /** When each task is over at the latest: a platform may have ended one without a word. */
  const tasks = new Set<Task & { readonly untilMs: number }>();
  let waiting: (() => void)[] = [];

  function enter(task: Task): () => void {
    const place = free.pop() ?? busy.length;
    busy[place] = task;
    return () => {
      if (busy[place] !== task) return;
      busy[place] = undefined;
      free.push(place);
      if (!isIdle()) return;
      for (const wake of waiting) wake();
      waiting = [];
    };
  }

  function isIdle(): boolean {
    return free.length === busy.length;
  }

  async function retry(
    pausesMs: readonly number[],
    attempt: () => Promise<"done" | "again">,
  ): Promise<"done" | "given-up"> {
    for (const pauseMs of pausesMs) {
      await sleep(platform, pauseMs);
      if ((await attempt()) === "done") return "done";
    }
    return "given-up";
  }

  return {
    enter,
    interrupt: () => busy.flatMap((task) => task?.interrupt?.() ?? []),
    async retry(pausesMs, attempt) {
      const nowMs = platform.monotonicMs();
      for (const task of tasks) if (task.untilMs < nowMs) tasks.delete(task);
      if (tasks.size >= MAX_TASKS) return "given-up";
      const task: Task & { readonly untilMs: number } = {
        untilMs: nowMs + pausesMs.reduce((sum, pauseMs) => sum + pauseMs + LONGEST_ATTEMPT_MS, 0),
      };
      tasks.add(task);
      const leave = enter(task);
      try {
        return await retry(pausesMs, attempt);
      } finally {
        tasks.delete(task);
        leave();
      }
    },
    idle: () => (isIdle() ? Promise.resolve() : new Promise((wake) => waiting.push(wake))),
  };
}

/** Resolves after `ms`. */
export function sleep(platform: Platform, ms: number): Promise<void> {
  return new Promise((wake) => platform.timer(ms, wake));
}
