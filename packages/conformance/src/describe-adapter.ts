import { describe, it } from "vitest";
import { type AdapterCase, openBench } from "./adapter-bench.js";
import { ABORT_CASES } from "./adapter-cases-abort.js";
import { ANSWER_CASES } from "./adapter-cases-answer.js";
import { DUPLICATE_CASES } from "./adapter-cases-duplicate.js";
import { FAILURE_CASES } from "./adapter-cases-failure.js";
import { HANGUP_CASES } from "./adapter-cases-hangup.js";
import { HOLD_CASES } from "./adapter-cases-hold.js";
import { JOIN_CASES } from "./adapter-cases-join.js";
import { KEY_CASES } from "./adapter-cases-key.js";
import { LEAK_CASES } from "./adapter-cases-leak.js";
import { LEASE_CASES } from "./adapter-cases-lease.js";
import { OUTAGE_CASES } from "./adapter-cases-outage.js";
import { PASS_ON_CASES } from "./adapter-cases-pass-on.js";
import { PAYLOAD_CASES } from "./adapter-cases-payload.js";
import { PIN_CASES } from "./adapter-cases-pins.js";
import { REVISION_PIN_CASES } from "./adapter-cases-revision-pins.js";
import { REVISION_CASES } from "./adapter-cases-revisions.js";
import { STAMP_CASES } from "./adapter-cases-stamp.js";
import type { AdapterSuite } from "./adapter-suite.js";

const CASE_TIMEOUT_MS = 60_000;

/** Those of pins and revisions. */
export const PINNED_CASES: readonly AdapterCase[] = [
  ...STAMP_CASES,
  ...PIN_CASES,
  ...PASS_ON_CASES,
  ...REVISION_CASES,
  ...REVISION_PIN_CASES,
];

/** Every rule an adapter keeps, in the order of a request's way. */
export const ADAPTER_CASES: readonly AdapterCase[] = [
  ...KEY_CASES,
  ...PAYLOAD_CASES,
  ...ANSWER_CASES,
  ...FAILURE_CASES,
  ...HOLD_CASES,
  ...HANGUP_CASES,
  ...ABORT_CASES,
  ...DUPLICATE_CASES,
  ...JOIN_CASES,
  ...LEASE_CASES,
  ...OUTAGE_CASES,
  ...PINNED_CASES,
  ...LEAK_CASES,
];

/**
 * Registers the suite with which an adapter proves itself: over real connections to a real server. Call it at the top
 * of a vitest file, once for each store the adapter is to be tried with. Every case starts servers of its own and closes
 * them again; several cases go on at once.
 *
 * @example
 * describeAdapter("express over memory", {
 *   start: startExpress,
 *   capabilities: { bodyParser: true, sendFile: true, nodeResponse: true },
 * });
 */
export function describeAdapter(name: string, suite: AdapterSuite): void {
  describe(`adapter contract: ${name}`, () => {
    // Cases mostly wait, so several go on at once; but what counts a leak counts all that the process has, and is alone.
    for (const adapterCase of longestFirst(adapterCases(suite))) {
      describeCase(LEAK_CASES.includes(adapterCase) ? it : it.concurrent, suite, adapterCase);
    }
  });
}

function longestFirst(cases: readonly AdapterCase[]): readonly AdapterCase[] {
  return [...cases.filter(({ takesLong }) => takesLong), ...cases.filter(({ takesLong }) => !takesLong)];
}

/** The cases that a suite can run. */
export function adapterCases({
  capabilities,
  protocol = "http/1.1",
  pins = true,
}: AdapterSuite): readonly AdapterCase[] {
  const all = pins ? ADAPTER_CASES : ADAPTER_CASES.filter((each) => !PINNED_CASES.includes(each));
  return all.filter(
    ({ needs = [], only = protocol }) =>
      [needs].flat().every((need) => capabilities[need] ?? true) && only === protocol,
  );
}

function describeCase(register: typeof it.concurrent, suite: AdapterSuite, { rule, run }: AdapterCase): void {
  register(
    rule,
    async () => {
      const bench = await openBench(suite);
      try {
        await run(bench);
      } finally {
        await bench.close();
      }
    },
    CASE_TIMEOUT_MS,
  );
}
