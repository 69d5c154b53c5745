import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { OnceoverEvent } from "@onceover/core";
import type { DrainReport } from "@onceover/core/drain";
import type { WorkerMessage } from "../payments-service/worker.js";

/** Worker processes that are started again whenever they end. */
export interface Workers {
  /** Ports of the workers that are up, also of one that is paused, leaving or just killed: a front does not know that either. */
  ports(): readonly number[];
  /** Whether all of them are up, and none is paused or leaving. */
  areServing(): boolean;
  /** SIGKILL. */
  kill(worker: number): void;
  /** SIGSTOP. */
  pause(worker: number): void;
  /** SIGCONT. */
  resume(worker: number): void;
  /** SIGTERM to one that is up. The next one is started at once; settles when the old one has ended by itself. */
  leave(worker: number): Promise<Departure>;
  /** Ends all of them; settles when they are gone. */
  close(): Promise<void>;
}

/** The process of a worker that is up. */
export interface WorkerProcess {
  readonly port: number;
  readonly pid: number;
}

/** How a worker left. */
export interface Departure {
  readonly port: number;
  readonly exitCode: number | null;
  /** What it said last; absent where it said nothing. */
  readonly report: DrainReport | undefined;
}

/** What it takes to start workers. */
export interface WorkersOptions {
  readonly count: number;
  /** The program of a worker and what stands before its arguments. @default the payments service, as this process runs TypeScript */
  readonly program?: readonly string[];
  /** Arguments of a worker. */
  args(worker: number): readonly string[];
  /** A worker is up, for the first time or again. */
  onReady?(worker: number, process: WorkerProcess): void;
  onEvent(event: OnceoverEvent): void;
  /** Something else that a worker says. */
  onNote?(worker: number, note: string): void;
  /** A worker cannot start; it is not tried again. */
  onFailure(message: string): void;
}

interface Worker {
  /** Settles when the process is gone; says with which code, and whether it was ever up. */
  readonly ended: Promise<{ readonly wasUp: boolean; readonly exitCode: number | null }>;
  readonly end: () => void;
  up: WorkerProcess | undefined;
  report: DrainReport | undefined;
  /** What we did to it last. */
  state: "running" | "paused" | "killed" | "leaving";
}

const SCRIPT = fileURLToPath(new URL("../payments-service/worker.ts", import.meta.url));
const PAYMENTS = [process.execPath, ...process.execArgv, SCRIPT];

/**
 * A shell stands between us and the worker, and kills it when our end of the pipe is gone: a paused process would not
 * notice for itself that nobody is left to wake it.
 */
const GUARD = `exec 3<&0 4>&2 2>/dev/null; "$@" 3<&- 2>&4 4>&- & p=$!
(cat <&3 >/dev/null; kill -9 $p) & w=$!; wait $p; e=$?; kill $w; exit $e`;

/** Starts the workers. */
export function startWorkers({ count, program = PAYMENTS, args, ...told }: WorkersOptions): Workers {
  let isOpen = true;
  const workers = Array.from({ length: count }, (_, index) => keepUp(index));
  const leaving = new Set<Worker>();
  const all = () => [...workers, ...leaving];

  function keepUp(index: number): Worker {
    const worker = startWorker([...program, ...args(index)], (message) => {
      if ("event" in message) return told.onEvent(message.event);
      if ("note" in message) return told.onNote?.(index, message.note);
      if ("failed" in message) return fail(message.failed);
      if ("report" in message) {
        worker.report = message.report;
        return;
      }
      worker.up = message.ready;
      told.onReady?.(index, message.ready);
    });
    void worker.ended.then(({ wasUp }) => {
      // The next one has its place already.
      if (worker.state === "leaving") return;
      if (isOpen && !wasUp) fail("a worker ended before it was ready");
      else if (isOpen) workers[index] = keepUp(index);
    });
    return worker;
  }

  function fail(message: string): void {
    isOpen = false;
    told.onFailure(message);
  }

  function signal(index: number, name: NodeJS.Signals, state: Worker["state"]): void {
    const worker = workers[index];
    if (worker?.up === undefined) return;
    worker.state = state;
    try {
      process.kill(worker.up.pid, name);
    } catch (error) {
      // It has just ended, and its end is on its way to us.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }

  async function leave(index: number): Promise<Departure> {
    const worker = workers[index];
    if (worker?.up === undefined) throw new Error(`worker ${index} is not up`);
    const { port } = worker.up;
    signal(index, "SIGTERM", "leaving");
    leaving.add(worker);
    workers[index] = keepUp(index);
    const { exitCode } = await worker.ended;
    leaving.delete(worker);
    return { port, exitCode, report: worker.report };
  }

  return {
    ports: () => all().flatMap(({ up }) => up?.port ?? []),
    areServing: () => all().every(({ up, state }) => up !== undefined && state === "running"),
    kill: (index) => signal(index, "SIGKILL", "killed"),
    pause: (index) => signal(index, "SIGSTOP", "paused"),
    resume: (index) => signal(index, "SIGCONT", "running"),
    leave,
    async close() {
      isOpen = false;
      for (const { end } of all()) end();
      await Promise.all(all().map(({ ended }) => ended));
    },
  };
}

function startWorker(command: readonly string[], hear: (message: WorkerMessage) => void): Worker {
  // A session of its own: Ctrl-C is for us, who then end the workers.
  const shell = spawn("/bin/sh", ["-c", GUARD, "guard", ...command], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const end = () => void shell.stdin.destroy();
  // The shell may be gone before it has heard that it should be.
  shell.stdin.on("error", () => {});
  shell.once("exit", end);
  createInterface({ input: shell.stdout }).on("line", (line) => hear(JSON.parse(line) as WorkerMessage));
  const ended: Worker["ended"] = new Promise((resolve) => {
    // Not "exit": what the worker said last is heard before "close".
    shell.once("close", (exitCode) => {
      const wasUp = worker.up !== undefined;
      worker.up = undefined;
      resolve({ wasUp, exitCode });
    });
  });
  const worker: Worker = { ended, end, up: undefined, report: undefined, state: "running" };
  return worker;
}
