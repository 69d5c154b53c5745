/** The one server that is measured, with or without a way out; asked by messages what it has used. */

import { createServer } from "node:http";
import { setFlagsFromString } from "node:v8";

import { runInNewContext } from "node:vm";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { drainable } from "@onceover/node";

/** What one process has used so far. To collect garbage takes longer than many requests: it is done only where it is asked for. */
export interface Used {
  readonly cpuUs: number;
  /** On the heap and beside it, when all garbage is gone. */
  readonly bytes: number;
  readonly timers: number;
  readonly connections: number;
}

/** What the process is asked. */
export type Question = "processor time" | "all, without garbage";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

const server = createServer((_request, response) => response.end("ok"));
server.keepAliveTimeout = 0;
if (process.argv[2] === "drainable") {
  const once = createOnceover({ service: "bench", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
  drainable(server, once, { plan: { budgetMs: 120_000 } });
}

async function used(question: Question): Promise<Used> {
  const { user, system } = process.cpuUsage();
  if (question === "all, without garbage") collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const connections = await new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  const timers = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  return { cpuUs: user + system, bytes: heapUsed + external, timers, connections };
}

process.on("message", (question: Question) => void used(question).then((all) => process.send?.(all)));
process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
