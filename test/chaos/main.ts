/** `npm run chaos`: workers, the lines between them and each store fail every 350 ms, and every key takes effect once. */

import { bundleWorker } from "./bundle-worker.js";
import { type Outcome, runChaos } from "./chaos.js";
import { type Flags, HELP, parseFlags } from "./flags.js";
import { HEADING, hasPassed, row, verdict } from "./report.js";

const parsed = parseFlags(process.argv.slice(2));
switch (parsed.outcome) {
  case "help":
    console.log(HELP);
    break;
  case "wrong":
    console.error(`${parsed.message} (--help lists the flags)`);
    process.exitCode = 2;
    break;
  case "chaos":
    // Not left to itself: Node waits for ever, at its end, for what it once asked of a connection that was reset.
    process.exit(
      await main(parsed.flags).catch((error: unknown) => {
        console.error(error);
        return 2;
      }),
    );
    break;
  // no default
}

async function main({ stores, seconds, seed }: Flags): Promise<number> {
  const { file, remove } = await bundleWorker();
  const outcomes: Outcome[] = [];
  try {
    console.log(`three workers, a fault every 350 ms for ${seconds} s in each store (--seed ${seed})\n\n${HEADING}`);
    for (const store of stores) {
      const outcome = await runChaos(store, { seconds, seed, file });
      console.log(row(outcome));
      outcomes.push(outcome);
    }
  } finally {
    await remove();
  }
  console.log(`\n${verdict(outcomes)}`);
  return outcomes.every(hasPassed) ? 0 : 1;
}
