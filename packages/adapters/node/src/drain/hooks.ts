import type { HookReport } from "@onceover/core/drain";
import type { DrainHooks } from "./drain-options.js";

/** Calls hooks, so that none of them holds anything up. */
export interface HookCaller {
  /** Calls a hook, and goes on at once. Never throws. */
  call<Name extends keyof DrainHooks>(name: Name, ...given: Parameters<NonNullable<DrainHooks[Name]>>): void;
  /** The same for a promise that came from elsewhere. */
  follow(name: string, going: Promise<unknown>): void;
  /** Waits until all that were called are over, or so long; what is not over then is told as late. Never rejects. */
  settle(longestMs: number): Promise<void>;
}

/** `told` gets one line for each call that failed or was late, and for each hook that did what it should. */
export function createHookCaller(hooks: DrainHooks, told: HookReport[]): HookCaller {
  const going = new Map<Promise<unknown>, string>();

  function note(hook: string, outcome: HookReport["outcome"]): void {
    if (!told.some((each) => each.hook === hook && each.outcome === outcome)) told.push({ hook, outcome });
  }

  function failed(hook: string, error: unknown): void {
    note(hook, "failed");
    process.emitWarning(error instanceof Error ? error : `${hook} threw ${String(error)}`);
  }

  function follow(name: string, promise: Promise<unknown>): void {
    const over = promise
      .then(
        () => note(name, "ok"),
        (error: unknown) => failed(name, error),
      )
      .finally(() => going.delete(over));
    going.set(over, name);
  }

  return {
    follow,
    call(name, ...given) {
      const hook = hooks[name];
      if (hook === undefined) return;
      try {
        const result: unknown = Reflect.apply(hook, undefined, given);
        if (result instanceof Promise) follow(name, result);
        else note(name, "ok");
      } catch (error) {
        failed(name, error);
      }
    },
    async settle(longestMs) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, longestMs);
      });
      await Promise.race([Promise.all(going.keys()), late]);
      clearTimeout(timer);
      for (const name of going.values()) note(name, "late");
    },
  };
}
