/** `npm run soak:restart`: three instances behind a HAProxy, restarted one after the other ten times over at 200 requests a second. */

import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { hasPassed } from "./judge.js";
import { report } from "./report.js";
import { restartUnderLoad } from "./restarts.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "10" },
    "per-second": { type: "string", default: "200" },
    tokens: { type: "string", default: "50" },
    seed: { type: "string", default: String(randomInt(1_000_000)) },
  },
});
/** @throws {TypeError} where it is none. */
function whole(name: keyof typeof values): number {
  if (/^[1-9]\d{0,8}$/.test(values[name])) return Number(values[name]);
  throw new TypeError(`--${name} must be a positive whole number, got ${JSON.stringify(values[name])}`);
}

const TOKEN_MS = 100;
const options = {
  rounds: whole("rounds"),
  perSecond: whole("per-second"),
  tokens: whole("tokens"),
  tokenMs: TOKEN_MS,
  // The times of an instance that is given nothing.
  plan: {},
  seed: whole("seed"),
};
console.log(`${options.rounds} rounds at ${options.perSecond} requests a second (--seed ${options.seed})\n`);
const outcome = await restartUnderLoad({
  ...options,
  onRestart: ({ revision, report: { durationMs, streams, requests, verdict } }) => {
    const seconds = (durationMs / 1000).toFixed(1);
    console.log(
      `${revision} left in ${seconds} s: ${requests.finished} requests, ${streams.length} streams, ${verdict}`,
    );
  },
});
console.log(`\n${report(outcome)}`);
process.exit(hasPassed(outcome.judgement) ? 0 : 1);
