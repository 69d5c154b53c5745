import type { Onceover, Run } from "@onceover/core";

/** How long a record that could not be stored at once may keep a finished request alive, in milliseconds. Workers allow 30 s. */
const LATE_RECORD_MS = 20_000;

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

/** The run; a `context`, where there is one, keeps the runtime at work for it until its record is stored. */
export function keepAlive(once: Pick<Onceover, "idle">, run: Run, context: ExecutionContext | undefined): Run {
  if (context === undefined) return run;
  let over = () => {};
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  context.waitUntil(ended.then(() => idleSoon(once)));
  return {
    ...run,
    async end() {
      const release = await run.end();
      over();
      return release;
    },
    cut() {
      run.cut();
      over();
    },
  };
}

/** Other runs of this process may go on for longer than the runtime would wait. */
async function idleSoon({ idle }: Pick<Onceover, "idle">): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LATE_RECORD_MS);
  });
  await Promise.race([idle(), late]);
  clearTimeout(timer);
}
