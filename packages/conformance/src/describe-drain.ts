import { describe, it } from "vitest";
import { type DrainCase, openDrainBench } from "./drain-bench.js";
import { DEADLINE_CASES } from "./drain-cases-deadline.js";
import { HOLD_CASES } from "./drain-cases-hold.js";
import { REFUSAL_CASES } from "./drain-cases-refusal.js";
import { STREAM_CASES } from "./drain-cases-stream.js";
import type { DrainSuite } from "./drain-suite.js";

const CASE_TIMEOUT_MS = 60_000;

/** Every rule of a server that leaves, in the order of its way out. */
export const DRAIN_CASES: readonly DrainCase[] = [...HOLD_CASES, ...REFUSAL_CASES, ...STREAM_CASES, ...DEADLINE_CASES];

/**
 * Registers the suite with which an adapter proves that its servers leave without cutting anyone off: over real connections to
 * a real server. Every case starts servers of its own over a store in memory, and lets them leave; all cases go on at once.
 *
 * @example
 * describeDrain("express", {
 *   async open(setup) {
 *     const { server, once } = serveRoutes(setup);
 *     const drain = drainable(server, once, setup.drain);
 *     return { ...(await listen(server)), drain };
 *   },
 * });
 */
export function describeDrain(name: string, suite: DrainSuite): void {
  describe.concurrent(`drain contract: ${name}`, () => {
    const { protocol = "http/1.1" } = suite;
    for (const { rule, only = protocol, run } of DRAIN_CASES) {
      if (only !== protocol) continue;
      it(
        rule,
        async () => {
          const bench = await openDrainBench(suite);
          try {
            await run(bench);
          } finally {
            await bench.close();
          }
        },
        CASE_TIMEOUT_MS,
      );
    }
  });
}
