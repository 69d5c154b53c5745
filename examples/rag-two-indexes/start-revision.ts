import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ExampleRevision } from "./builds.js";
import type { RevisionReady } from "./revision.js";

/** A process of the service that is up. */
export interface RunningRevision extends RevisionReady {
  readonly revision: ExampleRevision;
  /** Asks it to leave; resolves when it is gone. */
  leave(): Promise<void>;
}

/** What it takes to start one. */
export interface StartOptions {
  /** Holds what the revisions share. */
  readonly folder: string;
  /** Signs revision pins; the same for all. */
  readonly secret: string;
  readonly paceMs: number;
}

const PROGRAM = fileURLToPath(new URL("./revision.ts", import.meta.url));
const TYPESCRIPT = ["--conditions", "onceover-src", "--import", "tsx"];

/** Starts a revision in a process of its own, which ends with this one. */
export async function startRevision(
  revision: ExampleRevision,
  { folder, secret, paceMs }: StartOptions,
): Promise<RunningRevision> {
  const args = [...TYPESCRIPT, PROGRAM, "--revision", revision, "--folder", folder, "--pace-ms", String(paceMs)];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, PIN_SECRET: secret },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  const ready = await readyOf(child);
  return {
    ...ready,
    revision,
    async leave() {
      child.kill("SIGTERM");
      await gone;
    },
  };
}

async function readyOf({ stdout }: ChildProcess): Promise<RevisionReady> {
  if (stdout === null) throw new Error("the process has no output");
  for await (const line of createInterface({ input: stdout })) return JSON.parse(line);
  throw new Error("the process ended before it was up");
}
