/** `npm run bench:pins`: what the check of pins costs a request, beside the same request without, among few revisions and many. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { cpuUsPerRequest } from "../served/processor-time.js";
import { spreadOf } from "../statistics.js";
import { markdown, plain, show } from "../table.js";
import { openGateways } from "./gateways.js";

const [layOut, numbers] = process.argv.includes("--markdown")
  ? [markdown, process.argv.slice(3)]
  : [plain, process.argv.slice(2)];
const [rounds = 7, requests = 100_000] = numbers.map(Number);

/** Few enough that nothing is collected meanwhile. */
const ALLOCATIONS = 500;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

interface Figures {
  readonly name: string;
  readonly cpuUs: number[];
  readonly bytes: number[];
  serve(): void;
}

const title = `A GET with three pins, judged and its answer's lines made: processor time and bytes per request, ${rounds} rounds of ${requests}`;
const gateways = await openGateways();
const figures: Figures[] = gateways.map((gateway) => ({ ...gateway, cpuUs: [], bytes: [] }));
for (let round = -2; round < rounds; round++) {
  for (const each of figures) await measure(each, round >= 0);
}
console.log(layOut({ title, head: ["request", "µs", "µs more", "bytes allocated"], rows: rowsOf(figures) }));

async function measure({ serve, cpuUs, bytes }: Figures, counts: boolean): Promise<void> {
  const us = await cpuUsPerRequest(requests, () => {
    for (let at = 0; at < requests; at++) serve();
  });
  const allocated = allocatedBytes(serve);
  if (!counts) return;
  cpuUs.push(us);
  bytes.push(allocated);
}

function allocatedBytes(serve: () => void): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let at = 0; at < ALLOCATIONS; at++) serve();
  return (process.memoryUsage().heapUsed - before) / ALLOCATIONS;
}

/** The first one is what the others are compared with. */
function rowsOf(all: readonly Figures[]): string[][] {
  const baseUs = spreadOf(all[0]?.cpuUs ?? []).median;
  return all.map(({ name, cpuUs, bytes }) => {
    const spread = spreadOf(cpuUs);
    return [name, show(spread, 2), (spread.median - baseUs).toFixed(2), spreadOf(bytes).median.toFixed(0)];
  });
}
