import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { OnceoverEvent } from "@onceover/core";
import type { WorkerMessage } from "../payments-service/worker.js";

/** Worker processes that are started again whenever they end. */
export interface Workers {
  /** Ports of the workers that are up, also of one that is paused or just killed: a front does not know that either. */
  ports(): readonly number[];
  /** Whether all of them are up and none is paused. */
  areServing(): boolean;
  /** SIGKILL. */
  kill(worker: number): void;
  /** SIGSTOP. */
  pause(worker: number): void;
  /** SIGCONT. */
  resume(worker: number): void;
  /** Ends all of them; settles when they are gone. */
  close(): Promise<void>;
}

/** The process of a worker that is up. */
export interface WorkerProcess {
  readonly port: number;
  readonly pid: number;
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
  /** Settles when the process is gone; says whether it was ever up. */
  readonly ended: Promise<boolean>;
  readonly end: () => void;
  up: WorkerProcess | undefined;
  /** What we did to it last. */
  state: "running" | "paused" | "killed";
}

const SCRIPT = fileURLToPath(new URL("../payments-service/worker.ts", import.meta.url));
const PAYMENTS = [process.execPath, ...process.execArgv, SCRIPT];

/**
 * A shell stands between us and the worker, and kills it when our end of the pipe is gone: a paused process would not
 * notice for itself that nobody is left to wake it.
 */
const GUARD = `exec 3<&0 4>&2 2>/dev/null; "$@" 3<&- 2>&4 4>&- & p=$!
(cat <&3 >/dev/null; kill -9 $p) & w=$!; wait $p; kill $w`;

/** Starts the workers. */
export function startWorkers({ count, program = PAYMENTS, args, ...told }: WorkersOptions): Workers {
  let isOpen = true;
  const workers = Array.from({ length: count }, (_, index) => keepUp(index));

  function keepUp(index: number): Worker {
    const worker = startWorker([...program, ...args(index)], (message) => {
      if ("event" in message) return told.onEvent(message.event);
      if ("note" in message) return told.onNote?.(index, message.note);
      if ("failed" in message) return fail(message.failed);
      worker.up = message.ready;
      told.onReady?.(index, message.ready);
    });
    void worker.ended.then((wasUp) => {
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

  return {
    ports: () => workers.flatMap(({ up }) => up?.port ?? []),
    areServing: () => workers.every(({ up, state }) => up !== undefined && state === "running"),
    kill: (index) => signal(index, "SIGKILL", "killed"),
    pause: (index) => signal(index, "SIGSTOP", "paused"),
    resume: (index) => signal(index, "SIGCONT", "running"),
    async close() {
      isOpen = false;
      for (const { end } of workers) end();
      await Promise.all(workers.map(({ ended }) => ended));
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
  const ended = new Promise<boolean>((resolve) => {
    // Not "exit": what the worker said last is heard before "close".
    shell.once("close", () => {
      const wasUp = worker.up !== undefined;
      worker.up = undefined;
      resolve(wasUp);
    });
  });
  const worker: Worker = { ended, end, up: undefined, state: "running" };
  return worker;
}
