/** A steady load: so many requests a second are begun, whatever becomes of those before. */

import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../examples/storm/random.js";
import { type Asked, pursue, type Wish } from "./client.js";

/** What it takes to put a load on. */
export interface LoadOptions {
  readonly port: number;
  readonly perSecond: number;
  readonly random: Random;
}

/** A load that goes on. */
export interface Load {
  /** How many tries a server has answered so far. */
  answeredBy(server: string): number;
  /** Begins nothing more; settles when all that was begun is over. */
  end(): Promise<readonly Asked[]>;
}

/** One request in twenty begins a stream. */
const STREAM_SHARE = 0.05;
const PAYMENT_SHARE = 0.4;
const SENT_AGAIN = 0.3;
/** When a key is sent again: together with the first time, meanwhile, or when it may have met the next revision. In milliseconds. */
const AGAIN_AFTER_MS = [0, 300, 5_000] as const;

interface Again {
  readonly wish: Wish;
  readonly atMs: number;
}

/** Begins at once. */
export function putLoadOn({ port, perSecond, random }: LoadOptions): Load {
  const keepAlive = new Agent({ keepAlive: true });
  const oneEach = new Agent({ keepAlive: false });
  const answered = new Map<string, number>();
  const asked: Promise<Asked>[] = [];
  const again: Again[] = [];
  let isOver = false;

  function begin(wish: Wish): void {
    const agent = random.chance(0.5) ? keepAlive : oneEach;
    const onTry = ({ servedBy = "" }: { readonly servedBy: string | undefined }) => {
      answered.set(servedBy, (answered.get(servedBy) ?? 0) + 1);
    };
    asked.push(pursue(port, agent, wish, onTry));
  }

  function nextWish(nowMs: number): Wish {
    const due = again.findIndex(({ atMs }) => atMs <= nowMs);
    const [repeated] = due === -1 ? [] : again.splice(due, 1);
    if (repeated !== undefined) return repeated.wish;
    const wish = drawWish(random);
    const isAgain = "key" in wish && random.chance(SENT_AGAIN);
    if (isAgain) again.push({ wish, atMs: nowMs + random.pick(AGAIN_AFTER_MS) });
    return wish;
  }

  async function goOn(): Promise<void> {
    const beganMs = performance.now();
    for (let count = 0; !isOver; count += 1) {
      const waitMs = beganMs + (count * 1000) / perSecond - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      begin(nextWish(performance.now()));
    }
  }

  const going = goOn();
  return {
    answeredBy: (server) => answered.get(server) ?? 0,
    async end() {
      isOver = true;
      await going;
      const all = await Promise.all(asked);
      keepAlive.destroy();
      return all;
    },
  };
}

function drawWish(random: Random): Wish {
  const key = random.uuid();
  if (random.chance(STREAM_SHARE)) return random.chance(0.5) ? { kind: "completion", key } : { kind: "tokens" };
  return random.chance(PAYMENT_SHARE) ? { kind: "payment", key } : { kind: "balance" };
}
