/** What an instance that leaves does not begin. */

import type { RequestFacts } from "../facts.js";
import type { Mount, Refuse } from "../onceover.js";
import { after } from "../platform.js";
import type { Verdict } from "../verdict.js";
import type { PinContext } from "./pinned-mount.js";

/** Stands for a run where it is found out whether a key has an answer already, or a run. */
export const NOTHING: Verdict = { action: "pass" };

/** Refuses an arrival, unless it is one that may pass. */
export function refusal({ emit }: Pick<PinContext, "emit">, facts: RequestFacts, refuse: Refuse): Verdict {
  const verdict = refuse(facts);
  if (verdict.action === "answer") emit({ type: "refused", code: "draining" });
  return verdict;
}

/** A mount that checks nothing; an instance that leaves begins nothing behind it either. */
export function uncheckedMount<Request>(context: PinContext, mount: Mount<Request>): Mount<Request> {
  return {
    attempt(facts, otherwise) {
      const refuse = context.leaving();
      if (refuse === undefined || otherwise !== undefined) return mount.attempt(facts, otherwise);
      return after(mount.attempt(facts, NOTHING), (found) =>
        found === NOTHING ? refusal(context, facts, refuse) : found,
      );
    },
  };
}
