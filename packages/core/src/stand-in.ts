/** The answer that a run which lost its key gives in the other run's place. */

import type { Answer } from "./answer.js";
import { sleep } from "./background.js";
import { decide, LONGEST_WAIT_MS, pauseMs } from "./decide.js";
import { ask } from "./shell.js";
import type { StoreKey } from "./store.js";
import { type Arrival, answerFrom, type MountContext, refuse } from "./verdict.js";

/**
 * What a run that lost its key answers in the other run's name; `undefined` where its own answer is the only one there
 * is. That the key is free, or has gone to another payload, says so only with `effects: "once"`: a repeatable run may have
 * been taken over by one that failed, and the next retry will make an answer of its own.
 */
export async function standIn<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
): Promise<Answer | undefined> {
  const { shell } = mount;
  const { key, fingerprint } = arrival;
  const deadlineMs = shell.platform.monotonicMs() + LONGEST_WAIT_MS;
  for (let looks = 0; ; looks += 1) {
    const asked = await ask(shell, "read", key, (store) => store.read(key));
    if (asked.outcome === "failed") return refuse(shell, "outcome-unknown", {}, key).answer;
    if (asked.value.outcome === "none") return ownAnswer(mount, key);
    const decision = decide(asked.value, fingerprint);
    const leftMs = deadlineMs - shell.platform.monotonicMs();
    if (decision.action === "refuse") return ownAnswer(mount, key);
    if (decision.action !== "wait" || leftMs <= 0) return answerFrom(shell, arrival, decision).answer;
    await sleep(shell.platform, pauseMs(looks, leftMs));
  }
}

/** `undefined`, the run's own, where it is the only one there is. */
function ownAnswer<Request>({ shell, settings }: MountContext<Request>, key: StoreKey): Answer | undefined {
  return settings.effects === "once" ? undefined : refuse(shell, "outcome-unknown", {}, key).answer;
}
