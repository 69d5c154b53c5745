/** `npm run bench`: what onceover costs beside each framework alone and beside the least a correct design must do. */

import { availableParallelism } from "node:os";
import { startRedis } from "@onceover/test/redis-server";
import { bundle } from "./bundle.js";
import { type Flags, readFlags, USAGE } from "./flags.js";
import { measureInProcess, measureServers } from "./measure.js";
import { cpuTable, inProcessTable, markdown, plain, type Table, wallTable } from "./table.js";

try {
  const flags = readFlags(process.argv.slice(2));
  if (flags === "help") console.log(USAGE);
  else await bench(flags);
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

async function bench(flags: Flags): Promise<void> {
  const layOut = flags.format === "markdown" ? markdown : plain;
  for (const table of await measure(flags)) console.log(layOut(table));
  console.log(`Node ${process.versions.node} on ${process.platform}, ${availableParallelism()} cores, ${flags.rounds} rounds
of ${flags.requests} requests. bare: the framework with its own JSON parser; floor: SET NX GET and one compare-and-set by
Lua over ioredis, a JSON record, 409 to a duplicate in flight; onceover: the framework's adapter over @onceover/redis,
built from source, its fingerprint "${flags.fingerprint}". Only the ratios mean anything on another machine.`);
}

async function measure(flags: Flags): Promise<Table[]> {
  const built = await bundle();
  const redis = await startRedis();
  try {
    const measured = await measureServers(built, redis, flags, (line) => console.error(line));
    const inProcess = await measureInProcess(built, flags);
    const tables = measured.length === 0 ? [] : [cpuTable(measured), wallTable(measured)];
    return inProcess === undefined ? tables : [...tables, inProcessTable(inProcess)];
  } finally {
    await redis.stop();
    await built.remove();
  }
}
