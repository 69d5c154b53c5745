import type { HistoryAnswer } from "@onceover/test/history";
import { nameOf } from "@onceover/test/history-index";
import { historyAnswer } from "../../../examples/storm/client.js";
import type { Delivery } from "../../../examples/storm/deliveries.js";
import type { Manner } from "../../../examples/storm/plan.js";
import { createPursuer, type PursuerOptions } from "../../../examples/storm/pursuit.js";

/** A request that was sent, and sent again until it had a final answer. Times are by `performance.now()`. */
export interface Sending {
  readonly id: string;
  readonly scope: string;
  readonly key: string;
  readonly sentMs: number;
  answer?: FinalAnswer;
  /** Whether one of its tries was told that the outcome is unknown. */
  toldUnknown: boolean;
}

/** The answer after which it was not sent again. */
export interface FinalAnswer {
  readonly atMs: number;
  /** Who gave it, as HAProxy calls it. */
  readonly server: string;
}

/** Clients, and a record of what they did. */
export interface Traffic {
  /** Settles when it has its final answer, or never will. */
  send(delivery: Delivery, manner: Manner): Promise<void>;
  /** Whether a request of this key was sent, and none has a final answer yet. */
  isOpen(delivery: Delivery): boolean;
  /** In the order they were sent. */
  readonly sendings: readonly Sending[];
  /** The answers to each try, in the order they came. */
  readonly answers: readonly HistoryAnswer[];
  close(): void;
}

/** Makes clients of the front on `port`. */
export function createTraffic(options: PursuerOptions): Traffic {
  const { pursue, close } = createPursuer(options);
  const sendings: Sending[] = [];
  const answers: HistoryAnswer[] = [];
  const isAnswered = new Map<string, boolean>();

  async function send(delivery: Delivery, manner: Manner): Promise<void> {
    const { scope, key } = delivery;
    const name = nameOf(scope, key);
    const sending: Sending = { id: `${sendings.length}`, scope, key, sentMs: performance.now(), toldUnknown: false };
    sendings.push(sending);
    if (!isAnswered.has(name)) isAnswered.set(name, false);
    const final = await pursue(delivery, manner, (sent) => {
      if (sent.outcome !== "answered") return;
      // HAProxy may have sent one try twice: nobody can say which of the two arrivals this is the answer to.
      answers.push(historyAnswer({ request: sending.id }, sent));
      if (sent.code === "outcome-unknown") sending.toldUnknown = true;
    });
    if (final === undefined) return;
    sending.answer = { server: final.servedBy ?? "", atMs: performance.now() };
    isAnswered.set(name, true);
  }

  const isOpen = ({ scope, key }: Delivery) => isAnswered.get(nameOf(scope, key)) === false;
  return { send, isOpen, sendings, answers, close };
}
