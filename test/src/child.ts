/**
 * Child processes that never outlive the test process, however that ends: a shell between the two holds one end
 * of a pipe and kills the program when the other end is gone.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

/** A running program. */
export interface Child {
  readonly pid: number;
  /** Settles when the program has ended. */
  readonly ended: Promise<void>;
  /** Everything the program has printed. */
  output(): string;
}

/** How to start a program. */
export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Removed when the test process ends without having ended the program. */
  readonly scratchFolder?: string;
  /** What the program prints when it is up. */
  readonly ready: RegExp;
  /** @default 20000 milliseconds */
  readonly readyMs?: number;
}

/** The pipe is moved to descriptor 3, since a shell gives its background jobs an empty standard input. */
const GUARD = `exec 3<&0; "$@" 3<&- 2>&1 & p=$!; echo "guarded pid $p"
(cat <&3 >/dev/null; kill -9 $p; rm -rf "$SCRATCH_FOLDER") 2>/dev/null & w=$!; wait $p; kill $w`;

/** The line by which the shell names the program. */
const PID = /^guarded pid (\d+)\n/m;

/** Starts a program and settles when it has printed `ready`; rejects with its output if it ends before. */
export async function startChild(program: string, args: readonly string[], options: ChildOptions): Promise<Child> {
  const shell = spawn("/bin/sh", ["-c", GUARD, "guard", program, ...args], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...(options.env ?? process.env), SCRATCH_FOLDER: options.scratchFolder ?? "" },
  });
  shell.stdin.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => shell.once("exit", () => resolve()));
  void ended.then(() => shell.stdin.destroy());
  let text = "";
  shell.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await untilPrinted(shell, () => text, options);
  return { pid: Number(PID.exec(text)?.[1]), ended, output: () => text };
}

function untilPrinted(
  shell: ChildProcessByStdio<Writable, Readable, null>,
  output: () => string,
  { ready, readyMs = 20_000 }: ChildOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail("did not become ready"), readyMs);
    const fail = (why: string) => {
      clearTimeout(timer);
      shell.stdin.destroy();
      reject(new Error(`the program ${why}:\n${output()}`));
    };
    shell.once("error", (error) => fail(error.message));
    // Its end may be told before its last words have come.
    shell.once("close", () => fail("ended"));
    shell.stdout.on("data", () => {
      // A program that is quick may be up before the shell has said so.
      if (!ready.test(output()) || !PID.test(output())) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
