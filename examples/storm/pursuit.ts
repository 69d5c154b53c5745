import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { ASKS_NOTHING, type Asked, type Asking, askedLines } from "./asking.js";
import type { Delivery } from "./deliveries.js";
import type { Manner } from "./plan.js";
import type { Random } from "./random.js";
import { type Answered, type Sent, sendOnce } from "./sending.js";
import { count, countSent, type Tally } from "./tally.js";

/** Sends requests, each again until it has a final answer. */
export interface Pursuer {
  /** The final answer; none where there was none in 40 s. The first try is made in the given manner, later ones are patient. */
  pursue(
    delivery: Delivery,
    manner: Manner,
    onTry?: (sent: Sent, arrival: string) => void,
  ): Promise<Answered | undefined>;
  /** What each arrival asked for. */
  readonly asked: ReadonlyMap<string, Asked>;
  close(): void;
}

/** What it takes to pursue answers. */
export interface PursuerOptions {
  readonly port: number;
  readonly tally: Tally;
  readonly random: Random;
  /** Ends everything at once. */
  readonly signal: AbortSignal;
}

/** How long one send is tried again, in milliseconds; a send without an answer after that has none. */
const LONGEST_PURSUIT_MS = 40_000;
const FIRST_PAUSE_MS = 30;
const LONGEST_PAUSE_MS = 500;

const PATIENT: Manner = { manner: "patient" };

/** Makes a pursuer of answers from the front on `port`. */
export function createPursuer({ port, tally, random, signal }: PursuerOptions): Pursuer {
  const agent = new Agent({ keepAlive: true });
  const asked = new Map<string, Asked>();

  function pauseMs(tries: number): number {
    const longestMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 10), LONGEST_PAUSE_MS);
    return longestMs * (0.5 + random.next() / 2);
  }

  return {
    async pursue(delivery, manner, onTry) {
      const endMs = performance.now() + LONGEST_PURSUIT_MS;
      const { first, reloaded }: Asking = delivery.asks ?? { first: ASKS_NOTHING };
      let asks = first;
      if (manner.manner !== "patient") count(tally.left, manner.manner);
      for (let tries = 0; performance.now() < endMs; tries += 1) {
        signal.throwIfAborted();
        const arrival = crypto.randomUUID();
        asked.set(arrival, asks);
        const sent = await sendOnce({ port, agent }, named(delivery, arrival, asks), tries === 0 ? manner : PATIENT);
        const final = isBehind(sent) && asks !== (reloaded ?? first) ? undefined : finalAnswer(sent);
        if (isBehind(sent)) asks = reloaded ?? first;
        countSent(tally, sent, final !== undefined);
        onTry?.(sent, arrival);
        if (final !== undefined) return final;
        await sleep(pauseMs(tries), undefined, { signal });
      }
      return undefined;
    },
    asked,
    close: () => agent.destroy(),
  };
}

/** The same, with a name for this try in `X-Arrival`, and its pins: neither is a part of what makes two requests the same. */
function named(delivery: Delivery, arrival: string, asks: Asked): Delivery {
  return { ...delivery, headers: { ...delivery.headers, ...askedLines(asks), "X-Arrival": arrival } };
}

/** Whether what was asked for is not to be had. */
function isBehind(sent: Sent): boolean {
  return sent.outcome === "answered" && (sent.code === "backend-behind" || sent.code === "client-behind");
}

/** Refusals that say "later", of ours and of the front. */
const LATER: ReadonlySet<number> = new Set([409, 502, 503, 504]);

function finalAnswer(sent: Sent): Answered | undefined {
  return sent.outcome !== "answered" || LATER.has(sent.status) ? undefined : sent;
}
