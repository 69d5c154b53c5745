/** One contender's server, in a process of its own so that its processor time is its own. */

import {
  CONTENDERS,
  emptyTally,
  FINGERPRINTS,
  FRAMEWORKS,
  type FrameworkName,
  type Order,
  type Told,
} from "../protocol.js";
import { serveExpress } from "./express.js";
import { serveFastify } from "./fastify.js";
import { serveHono } from "./hono.js";
import type { Serve } from "./serve.js";

const SERVE: Readonly<Record<FrameworkName, Serve>> = {
  express: serveExpress,
  fastify: serveFastify,
  hono: serveHono,
};

const [frameworkGiven, contenderGiven, redisUrl = "", fingerprintGiven] = process.argv.slice(2);
const framework = oneOf("framework", FRAMEWORKS, frameworkGiven);
const contender = oneOf("contender", CONTENDERS, contenderGiven);
const fingerprint = oneOf("fingerprint", FINGERPRINTS, fingerprintGiven);
const tally = emptyTally();
let begunAt = process.cpuUsage();

process.on("message", (order: Order) => {
  if (order === "begin") begin();
  else tell({ told: "counted", cpuUs: cpuUs(), tally });
});
process.on("disconnect", () => process.exit());
tell({ told: "listening", port: await SERVE[framework]({ contender, redisUrl, fingerprint, tally }) });

function oneOf<Name extends string>(what: string, names: readonly Name[], given: string | undefined): Name {
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  throw new TypeError(`the ${what} must be one of ${names.join(", ")}, got ${given}`);
}

/** No garbage is collected by force: that would also throw away what the engine has learnt about the code. */
function begin(): void {
  tally.runs = 0;
  Object.assign(tally.replays, emptyTally().replays);
  tell({ told: "began" });
  begunAt = process.cpuUsage();
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage(begunAt);
  return user + system;
}

function tell(told: Told): void {
  process.send?.(told);
}
