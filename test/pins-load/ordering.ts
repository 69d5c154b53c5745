import { setTimeout as sleep } from "node:timers/promises";
import type { Caller } from "./caller.js";
import { type Answer, send } from "./sending.js";

const PAUSE_MS = 150;
/** Longer than any of it takes. */
const MOST_TRIES = 100;

/** Makes an order. Half of them are sent twice at once; of the first tries one in four is left by the caller. */
export async function order(caller: Caller): Promise<void> {
  const { random } = caller;
  const key = random.uuid();
  const sends = random.chance(0.5) ? [0, 1] : [0];
  await Promise.all(sends.map(() => insist(caller, key, random.chance(0.25) ? random.between(1, 20) : undefined)));
}

/** Sends an order until it is answered. */
async function insist(caller: Caller, key: string, leaveAfterMs: number | undefined): Promise<void> {
  const id = crypto.randomUUID();
  caller.seen.requests.push({ id, scope: caller.caller, key, owed: "yes" });
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const answer = await tryOnce(caller, id, key, tries === 0 ? leaveAfterMs : undefined);
    if (answer?.status === 201) return;
    caller.refused(answer);
    if (answer?.status === 412) await caller.reload();
    else await sleep(PAUSE_MS);
  }
}

async function tryOnce(
  { agent, seen, asks, outgoing }: Caller,
  request: string,
  key: string,
  leaveAfterMs: number | undefined,
): Promise<Answer | undefined> {
  const arrival = crypto.randomUUID();
  const asked = asks();
  seen.asked.set(arrival, asked);
  const headers = { "Idempotency-Key": `"${key}"`, "Content-Type": "application/json", "X-Arrival": arrival };
  const leave = leaveAfterMs === undefined ? {} : { leaveAfterMs };
  const answer = await send(agent, { ...outgoing("POST", "/orders", asked, headers), body: '{"order":1}', ...leave });
  if (answer === undefined) return undefined;
  const { status, body } = answer;
  const { id, executed } = JSON.parse(body);
  seen.answers.push({ request, arrival, status, body, ...(status === 201 ? { effect: id } : { executed }) });
  return answer;
}
