/** `npm run bench:drain-cost`: what a way out costs a server that has not to leave: per request, and per idle connection. */

import { sleep } from "@onceover/test/wait";
import { spreadOf } from "../statistics.js";
import { markdown, plain, show } from "../table.js";
import { type Served, serve } from "./served.js";

const [layOut, numbers] = process.argv.includes("--markdown")
  ? [markdown, process.argv.slice(3)]
  : [plain, process.argv.slice(2)];
const [rounds = 40, requests = 8_000, idle = 1000, idleMs = 5000] = numbers.map(Number);

const WARM_UP = 3;

interface Figures {
  readonly served: Served;
  readonly cpuUs: number[];
}

const figures: Figures[] = [];
for (const name of ["plain", "drainable"] as const) figures.push({ served: await serve(name), cpuUs: [] });

// One after the other within each round, and the order turned round each time: they share the machine's mood.
for (let round = -WARM_UP; round < rounds; round++) {
  for (const { served, cpuUs } of round % 2 === 0 ? figures : figures.toReversed()) {
    const us = await served.cpuUsPerRequest(requests);
    if (round >= 0) cpuUs.push(us);
  }
}

const rows: string[][] = [];
const baseUs = figures[0]?.cpuUs ?? [];
for (const { served, cpuUs } of figures) {
  const more = spreadOf(cpuUs.map((us, at) => us - (baseUs[at] ?? Number.NaN))).median;
  rows.push([served.name, show(spreadOf(cpuUs), 2), more.toFixed(2), ...(await idleRow(served))]);
}
for (const { served } of figures) served.stop();

const title = `One server without and with drainable(): processor time per request, ${rounds} rounds of ${requests} taken in turn, and what ${idle} idle connections cost in ${idleMs} ms`;
const head = ["server", "µs", "µs more", "bytes per idle connection", "ms of processor time while idle", "timers"];
console.log(layOut({ title, head, rows }));

async function idleRow(served: Served): Promise<string[]> {
  const before = await served.used("all, without garbage");
  await served.openIdle(idle);
  const open = await served.used("all, without garbage");
  const begun = await served.used("processor time");
  await sleep(idleMs);
  const after = await served.used("processor time");
  const bytes = (open.bytes - before.bytes) / idle;
  return [bytes.toFixed(0), ((after.cpuUs - begun.cpuUs) / 1000).toFixed(1), String(after.timers)];
}
