/** `npm run soak:pins`: two revisions and two thousand clients for a minute, while one index is replaced. */

import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { runLoad } from "./load.js";
import { hasPassed, report } from "./report.js";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "2000" },
    seconds: { type: "string", default: "60" },
    "think-ms": { type: "string", default: "8000" },
    seed: { type: "string", default: String(randomInt(1_000_000)) },
  },
});
/** @throws {TypeError} where it is none. */
function whole(name: keyof typeof values): number {
  if (/^\d{1,9}$/.test(values[name])) return Number(values[name]);
  throw new TypeError(`--${name} must be a whole number, got ${JSON.stringify(values[name])}`);
}

const options = {
  clients: whole("clients"),
  seconds: whole("seconds"),
  thinkMs: whole("think-ms"),
  seed: whole("seed"),
};
console.log(`${options.clients} clients for ${options.seconds} s (--seed ${options.seed})\n`);
const outcome = await runLoad(options);
console.log(report(outcome));
process.exit(hasPassed(outcome) ? 0 : 1);
