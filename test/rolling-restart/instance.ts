/** One instance of the service, in a process of its own. */

import { fileURLToPath } from "node:url";
import type { DrainReport, DrainWishes } from "@onceover/core/drain";
import { type Child, startChild } from "../src/child.js";
import { until } from "../src/wait.js";
import type { Visits } from "./register.js";

/** The list of the keys that took effect. */
export const EFFECTS = "effects";

/** What an instance is told when it is started. */
export interface InstanceSettings {
  readonly revision: string;
  readonly redis: string;
  readonly plan: DrainWishes;
  /** How many tokens a stream has, and the time between two of them in milliseconds. */
  readonly tokens: number;
  readonly tokenMs: number;
}

/** What an instance prints, one line of JSON each. */
export type InstanceLine =
  | { readonly says: "listening"; readonly port: number }
  | { readonly says: "report"; readonly report: DrainReport }
  | { readonly says: "exit"; readonly exitCode: number; readonly visits: Visits };

/** How an instance left. */
export interface Departure {
  readonly revision: string;
  readonly exitCode: number;
  readonly report: DrainReport;
  /** What the service has counted for itself, without asking the library. */
  readonly visits: Visits;
}

/** A running instance. */
export interface Instance {
  readonly port: number;
  /** SIGTERM; settles when the process has ended by itself. */
  leave(): Promise<Departure>;
  /** SIGKILL, whatever it is doing. */
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("./service.ts", import.meta.url));
const SOURCE = ["--conditions", "onceover-src", "--import", "tsx"];
const LONGEST_LEAVE_MS = 150_000;

/** Starts an instance and settles when it listens. */
export async function startInstance(settings: InstanceSettings): Promise<Instance> {
  const child = await startChild(process.execPath, [...SOURCE, PROGRAM, JSON.stringify(settings)], {
    ready: /"listening".*\n/,
    readyMs: 60_000,
  });
  let hasEnded = false;
  void child.ended.then(() => {
    hasEnded = true;
  });
  return {
    port: lineOf(child, "listening").port,
    async leave() {
      process.kill(child.pid, "SIGTERM");
      await until(`an instance of ${settings.revision} has left`, () => hasEnded, LONGEST_LEAVE_MS);
      const { exitCode, visits } = lineOf(child, "exit");
      return { revision: settings.revision, exitCode, visits, report: lineOf(child, "report").report };
    },
    async stop() {
      if (!hasEnded) process.kill(child.pid, "SIGKILL");
      await child.ended;
    },
  };
}

type Line<Says extends InstanceLine["says"]> = Extract<InstanceLine, { readonly says: Says }>;

/** Whatever else is printed, such as a warning, is no JSON. */
function lineOf<Says extends InstanceLine["says"]>(child: Child, says: Says): Line<Says> {
  const lines = child.output().split("\n");
  for (const text of lines.slice(0, -1)) {
    if (!text.startsWith("{")) continue;
    const line: InstanceLine = JSON.parse(text);
    if (isLine(line, says)) return line;
  }
  throw new Error(`an instance said no ${says}:\n${child.output()}`);
}

function isLine<Says extends InstanceLine["says"]>(line: InstanceLine, says: Says): line is Line<Says> {
  return line.says === says;
}
