/** Measures what there is without a server, in a process of its own. */

import { IN_PROCESS, type InProcessFigures } from "../protocol.js";
import { coreInProcess } from "./core-in-process.js";
import { fetchInProcess } from "./fetch-in-process.js";

const [rounds = 1, requests = 1] = process.argv.slice(2).map(Number);
const measureCore = coreInProcess(requests);
const measureFetch = fetchInProcess(requests);

async function measure(times: number): Promise<InProcessFigures> {
  const none = IN_PROCESS.map((name) => [name, { onceover: [], floor: [] }]);
  const figures: InProcessFigures = Object.fromEntries(none);
  for (let round = 0; round < times; round++) {
    await measureCore(figures);
    await measureFetch(figures);
  }
  return figures;
}

await measure(2);
process.send?.(await measure(rounds));
process.disconnect?.();
