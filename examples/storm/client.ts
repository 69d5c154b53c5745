import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { FinalAnswer, KeyHistory } from "./judge.js";
import type { Again, KeyPlan, Manner } from "./plan.js";
import type { Random } from "./random.js";
import { type Sent, sendOnce } from "./sending.js";
import { count, countSent, type Tally } from "./tally.js";

/** Sends each request as planned, and each send again until it has a final answer. */
export interface Client {
  /** Follows the plan of one key to its end. Rejects only when the storm is broken off. */
  follow(plan: KeyPlan): Promise<void>;
  /** What was sent and answered so far. */
  history(): readonly KeyHistory[];
  close(): void;
}

/** What a client needs. */
export interface ClientOptions {
  readonly port: number;
  readonly tally: Tally;
  readonly random: Random;
  /** Ends everything at once. */
  readonly signal: AbortSignal;
}

/** How long one send is tried again, in milliseconds; a key without an answer after that has none. */
const LONGEST_PURSUIT_MS = 40_000;
const FIRST_PAUSE_MS = 30;
const LONGEST_PAUSE_MS = 500;

const PATIENT: Manner = { manner: "patient" };

/** Makes a client of the front on `port`. */
export function createClient({ port, tally, random, signal }: ClientOptions): Client {
  const agent = new Agent({ keepAlive: true });
  const keys: (KeyHistory & { sends: number; readonly answers: FinalAnswer[] })[] = [];

  async function follow({ delivery, first, again }: KeyPlan): Promise<void> {
    const { scope, key } = delivery;
    const history = { scope, key, sends: 0, answers: [] as FinalAnswer[] };
    keys.push(history);
    const send = async (manner: Manner) => {
      history.sends += 1;
      const answer = await pursue(manner);
      if (answer !== undefined) history.answers.push(answer);
    };
    const firstSend = send(first);
    await Promise.all([firstSend, ...again.map((duplicate) => repeat(duplicate, firstSend, send))]);

    async function pursue(manner: Manner): Promise<FinalAnswer | undefined> {
      const endMs = performance.now() + LONGEST_PURSUIT_MS;
      if (manner.manner !== "patient") count(tally.left, manner.manner);
      for (let tries = 0; performance.now() < endMs; tries += 1) {
        signal.throwIfAborted();
        const sent = await sendOnce({ port, agent }, delivery, tries === 0 ? manner : PATIENT);
        const final = finalAnswer(sent);
        countSent(tally, sent, final !== undefined);
        if (final !== undefined) return final;
        await sleep(pauseMs(tries), undefined, { signal });
      }
      return undefined;
    }
  }

  async function repeat(
    { moment, delayMs, manner }: Again,
    first: Promise<void>,
    send: (manner: Manner) => Promise<void>,
  ): Promise<void> {
    if (moment === "afterwards") await first;
    if (delayMs > 0) await sleep(delayMs, undefined, { signal });
    count(tally.moments, moment);
    await send(manner);
  }

  function pauseMs(tries: number): number {
    const longestMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 10), LONGEST_PAUSE_MS);
    return longestMs * (0.5 + random.next() / 2);
  }

  return { follow, history: () => keys, close: () => agent.destroy() };
}

/** Refusals that say "later", of ours and of the front. */
const LATER: ReadonlySet<number> = new Set([409, 502, 503, 504]);

function finalAnswer(sent: Sent): FinalAnswer | undefined {
  return sent.outcome !== "answered" || LATER.has(sent.status) ? undefined : { status: sent.status, body: sent.body };
}
