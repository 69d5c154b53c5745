import { setTimeout as sleep } from "node:timers/promises";
import type { HistoryAnswer, HistoryRequest } from "@onceover/test/history";
import type { Asked } from "./asking.js";
import type { Again, KeyPlan, Manner } from "./plan.js";
import { createPursuer, type PursuerOptions } from "./pursuit.js";
import type { Answered } from "./sending.js";
import { count } from "./tally.js";

/** Sends each request as planned, and each send again until it has a final answer. */
export interface Client {
  /** Follows the plan of one key to its end. Rejects only when the storm is broken off. */
  follow(plan: KeyPlan): Promise<void>;
  /** What was sent so far. */
  readonly requests: readonly HistoryRequest[];
  /** The answers so far, to each try of a request. */
  readonly answers: readonly HistoryAnswer[];
  /** What each arrival asked for. */
  readonly asked: ReadonlyMap<string, Asked>;
  close(): void;
}

/** Makes a client of the front on `port`. */
export function createClient(options: PursuerOptions): Client {
  const { tally, signal } = options;
  const { pursue, asked, close } = createPursuer(options);
  const requests: HistoryRequest[] = [];
  const answers: HistoryAnswer[] = [];

  async function follow({ delivery, first, again }: KeyPlan): Promise<void> {
    const { scope, key } = delivery;
    const send = async (manner: Manner) => {
      const request: Owed = { id: crypto.randomUUID(), scope, key, owed: "yes" };
      requests.push(request);
      try {
        await pursue(delivery, manner, (sent, arrival) => {
          if (sent.outcome === "answered") answers.push(historyAnswer({ request: request.id, arrival }, sent));
        });
      } catch (error) {
        // It is broken off: nobody waits for the answer any more.
        request.owed = "nothing";
        throw error;
      }
    };
    const firstSend = send(first);
    await Promise.all([firstSend, ...again.map((duplicate) => repeat(duplicate, firstSend, send))]);
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

  return { follow, requests, answers, asked, close };
}

/** A request as long as it is under way. */
type Owed = Omit<HistoryRequest, "owed"> & { owed: NonNullable<HistoryRequest["owed"]> };

/** What the service answered, as the checker of histories reads it. */
export function historyAnswer(
  to: Pick<HistoryAnswer, "request" | "arrival">,
  { status, body, head, executed }: Answered,
): HistoryAnswer {
  const seen = { ...to, status, body, head };
  if (status >= 200 && status < 300) return { ...seen, effect: effectIn(body) };
  return executed === undefined ? seen : { ...seen, executed };
}

/** The effect that an answer of the service names. One that names none speaks of an effect that is not to be found. */
function effectIn(body: string): string {
  try {
    return String(JSON.parse(body).id);
  } catch (error) {
    if (error instanceof SyntaxError) return "";
    throw error;
  }
}
