/** One revision of a service whose events never end, in a process of its own that can be told to leave. */
import { fileURLToPath } from "node:url";
import type { DrainReport } from "@onceover/core/drain";
import type { DrainOptions } from "@onceover/node";
import { startChild } from "./child.js";
import { until } from "./wait.js";

/** How a revision is started. */
export interface EventServiceOptions {
  readonly revision: string;
  /** When the first event of every source happens, in epoch milliseconds, and how long it takes to the next: the same for all revisions. */
  readonly beganAtMs: number;
  readonly everyMs: number;
  readonly plan: DrainOptions["plan"];
  readonly retryMs: number;
}

/** A request for events that has reached the application. */
export interface EventArrival {
  readonly source: string;
  /** `null` where the client has seen none. */
  readonly lastEventId: string | null;
}

/** A running revision. */
export interface EventService {
  readonly revision: string;
  readonly port: number;
  /** In the order in which they came. */
  arrivals(): readonly EventArrival[];
  /** Lets all tokens come to their end. */
  endTokens(): void;
  /** Tells it to leave, as an orchestrator does. */
  signal(): void;
  /** Settles when the process has ended by itself, with what it said on its way out. */
  left(): Promise<{ readonly report: DrainReport; readonly exitCode: number }>;
  /** Ends it, whatever it is doing. */
  stop(): Promise<void>;
}

/** What the program says, one line of JSON each. */
export type EventServiceLine =
  | { readonly says: "listening"; readonly port: number }
  | { readonly says: "arrival"; readonly arrival: EventArrival }
  | { readonly says: "report"; readonly report: DrainReport }
  | { readonly says: "exit"; readonly exitCode: number };

const PROGRAM = fileURLToPath(new URL("../fixtures/event-service.ts", import.meta.url));
/** More than any drain takes that is not stuck. */
const LEFT_MS = 60_000;
const SOURCE = ["--conditions", "onceover-src", "--import", "tsx"];

/** Starts a revision and settles when it listens. */
export async function startEventService(options: EventServiceOptions): Promise<EventService> {
  const child = await startChild(process.execPath, [...SOURCE, PROGRAM, JSON.stringify(options)], {
    ready: /"listening".*\n/,
  });
  let hasEnded = false;
  void child.ended.then(() => {
    hasEnded = true;
  });
  const lines = () => linesOf(child.output());
  const one = <Says extends EventServiceLine["says"]>(says: Says) => {
    const line = lines().find((line) => line.says === says);
    if (line === undefined) throw new Error(`${options.revision} said no ${says}:\n${child.output()}`);
    return line as Extract<EventServiceLine, { readonly says: Says }>;
  };
  return {
    revision: options.revision,
    port: one("listening").port,
    arrivals: () => lines().flatMap((line) => (line.says === "arrival" ? [line.arrival] : [])),
    endTokens: () => void process.kill(child.pid, "SIGUSR2"),
    signal: () => void process.kill(child.pid, "SIGTERM"),
    async left() {
      await until(`${options.revision} has left`, () => hasEnded, LEFT_MS);
      return { report: one("report").report, exitCode: one("exit").exitCode };
    },
    async stop() {
      if (!hasEnded) process.kill(child.pid, "SIGKILL");
      await child.ended;
    },
  };
}

/** Whatever else is printed, such as a warning, is no JSON. */
function linesOf(output: string): EventServiceLine[] {
  const whole = output.split("\n").slice(0, -1);
  return whole.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
}
