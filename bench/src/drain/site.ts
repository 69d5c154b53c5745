/** One server process of a contender, from its start to its end, as a platform and its clients see it. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { Built } from "./build-server.js";
import { type ContenderName, GRACE_MS, type Protocol, type Wait } from "./contenders.js";
import { openRaw, type RawClient } from "./raw-client.js";

/** How a process ended. */
export interface Ending {
  readonly atMs: number;
  /** An exit code, a signal, or that it had to be killed. */
  readonly how: string;
}

/** What a scenario has to do with. */
export interface Site {
  readonly port: number;
  /** Opens a connection of HTTP/1.1. Settles with nothing where it was refused. */
  open(): Promise<RawClient | undefined>;
  /** As `open`, where the server has not been told to leave. */
  reach(): Promise<RawClient>;
  /** Notes that something of an answer came just now. */
  heard(): void;
  /** Sends SIGTERM, and kills the process once its time is over. */
  leave(): void;
  /** How often each request was carried out, by its id. */
  executed(): ReadonlyMap<string, number>;
  readonly ended: Promise<Ending>;
  /** When it was told to leave, and when something of an answer came for the last time. */
  times(): { readonly leaveMs: number; readonly lastAnswerMs: number };
  /** Ends the process where it has not ended. */
  stop(): Promise<void>;
}

/** What one server is started with. */
export interface SitePlan {
  readonly name: ContenderName;
  readonly protocol: Protocol;
  readonly wait: Wait;
  /** Kills the process so long after SIGTERM. @default the grace and 2 s more */
  readonly killAfterMs?: number | undefined;
}

let count = 0;

/** Starts a server, and settles when it listens. */
export async function startSite(built: Built, plan: SitePlan): Promise<Site> {
  const logPath = join(built.folder, `executed-${count++}`);
  const { name, protocol, wait, killAfterMs = GRACE_MS + 2_000 } = plan;
  const child = spawn(process.execPath, [built.program, name, protocol, logPath, wait], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let [leaveMs, lastAnswerMs, wasKilled, kill] = [0, 0, false, undefined as NodeJS.Timeout | undefined];
  const ended = new Promise<Ending>((resolve) => {
    child.once("exit", (code, signal) => {
      clearTimeout(kill);
      resolve({ atMs: performance.now(), how: wasKilled ? "killed" : String(code ?? signal) });
    });
  });
  const port = await portOf(child, name);
  const heard = () => {
    lastAnswerMs = performance.now();
  };
  const open = () => openRaw(port, heard);
  return {
    port,
    open,
    async reach() {
      const client = await open();
      if (client === undefined) throw new Error(`${name} refused a connection before it was told to leave`);
      return client;
    },
    heard,
    leave() {
      leaveMs = performance.now();
      child.kill("SIGTERM");
      kill = setTimeout(() => {
        wasKilled = child.kill("SIGKILL");
      }, killAfterMs);
    },
    executed: () => countLines(logPath),
    ended,
    times: () => ({ leaveMs, lastAnswerMs: Math.max(lastAnswerMs, leaveMs) }),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await ended;
    },
  };
}

function portOf(child: ChildProcessByStdio<Writable, Readable, null>, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("exit", () => reject(new Error(`the server of ${name} ended before it listened`)));
    let told = "";
    child.stdout.on("data", (chunk: Buffer) => {
      told += chunk.toString();
      const [, port] = /^(\d+)\n/m.exec(told) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
  });
}

function countLines(path: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of readLog(path).split("\n")) if (id !== "") counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function readLog(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Nothing was carried out yet, so that there is no file.
    return "";
  }
}
