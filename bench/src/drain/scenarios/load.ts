/** What becomes of requests that keep on coming. */

import { HOLD_MS } from "../contenders.js";
import { type RawClient, requestText } from "../raw-client.js";
import { figure, type Outcome, type Scenario, times, USUAL } from "../scenario.js";
import type { Site } from "../site.js";

/** What a client got. `failed`: its connection ended with the request on it. */
type Fate = "answered" | "unavailable" | "refused" | "failed";

interface Fates {
  note(id: string, fate: Fate): void;
  /** How many there are. */
  count(): number;
  readonly all: ReadonlyMap<string, Fate>;
}

export const keepAlive: Scenario = {
  ...USUAL,
  title: "keep-alive requests",
  measures: ({ keepAlive: { clients, requests, leaveAfter } }) =>
    `${clients} clients send ${figure(requests)} requests in all on keep-alive connections, one after the other, and SIGTERM comes after ${figure(leaveAfter)}. A client whose connection is closed opens a new one. ${LOSS}`,
  isHeavy: true,
  async run(site, { keepAlive: { clients, requests, leaveAfter } }) {
    const fates = createFates();
    let begun = 0;
    async function client(): Promise<void> {
      let connection: RawClient | undefined;
      while (begun < requests) {
        const id = String(begun);
        begun += 1;
        if (begun === leaveAfter) site.leave();
        connection = connection?.isOver() === false ? connection : await site.open();
        const { fate, stays } = await send(connection, requestText("GET", `/quick?id=${id}`));
        fates.note(id, fate);
        if (!stays) connection?.close();
      }
    }
    await Promise.all(times(clients, client));
    return lossOf(fates, site);
  },
};

/** 1 s late by default, with the cap above it. */
export const balancerLate = late(0, "above");
/** 3 s late by default, with the cap above it. */
export const balancerLater = late(1, "above");
/** The same with a wait that ends before the load does. */
export const balancerLaterThanWait = late(1, "below");

const LOSS =
  "Lost: refused (the connection was not opened), cut (ended with the request on it, and it was not carried out), unanswered (ended, though it was carried out); a 503 is counted apart.";
/** How long load has come when SIGTERM comes. In milliseconds. */
const BEFORE_MS = 200;
const TICK_MS = 4;
/** How much longer the load may take before the rate it came at is told. */
const MOST_STRETCHED = 1.15;
/** One in so many comes on a connection of its own, the others on connections that are kept. */
const NEW_ONE_IN = 5;

function late(which: 0 | 1, wait: Scenario["wait"]): Scenario {
  return {
    ...USUAL,
    title: `balancer ${which === 0 ? "late" : "very late"}${wait === "below" ? ", too short a wait" : ""}`,
    measures: ({ lateMs, perSecond }) =>
      `Load that comes on for ${lateMs[which] / 1000} s after SIGTERM, ${figure(totalOf(lateMs[which], perSecond))} requests at ${figure(Math.round(perSecond))}/s, or what is told in the cell where the machine held less, whether answers come or not, every ${NEW_ONE_IN}th on a new connection; readiness is not asked. ${wait === "below" ? `Hold or sleep are ${HOLD_MS.below} ms, and end before the load does: what comes then may be refused or answered 503, but nothing else may happen to it.` : LOSS}`,
    isHeavy: true,
    wait,
    async run(site, { lateMs, perSecond, isSmall }) {
      const fates = createFates();
      const sentMs = await openLoop(site, fates, { perSecond, total: totalOf(lateMs[which], perSecond) });
      const { text, misses } = wait === "above" ? lossOf(fates, site) : refusalsOf(fates, site, isSmall);
      return { text: `${text}${rateText(fates.count(), sentMs, perSecond)}`, misses };
    },
  };
}

/** What the machine held, where that was less than it was to be. */
function rateText(sent: number, sentMs: number, perSecond: number): string {
  const heldPerSecond = (sent / sentMs) * 1000;
  return heldPerSecond * MOST_STRETCHED > perSecond ? "" : `, sent at ${figure(Math.round(heldPerSecond))}/s`;
}

function totalOf(lateMs: number, perSecond: number): number {
  return Math.round(((BEFORE_MS + lateMs) / 1000) * perSecond);
}

interface Load {
  readonly perSecond: number;
  readonly total: number;
}

/** Sends at a fixed rate, from {@link BEFORE_MS} before SIGTERM on; settles with how long the sending took. */
async function openLoop(site: Site, fates: Fates, { perSecond, total }: Load): Promise<number> {
  const idle: RawClient[] = [];
  const running: Promise<void>[] = [];
  const beganMs = performance.now();
  let isLeaving = false;

  async function one(at: number): Promise<void> {
    const isNew = at % NEW_ONE_IN === 0;
    const connection = (isNew ? undefined : keptOf(idle)) ?? (await site.open());
    const text = requestText("GET", `/quick?id=${at}`, ...(isNew ? ["Connection: close"] : []));
    const { fate, stays } = await send(connection, text);
    fates.note(String(at), fate);
    if (stays && !isNew && connection !== undefined) idle.push(connection);
    else connection?.close();
  }

  while (running.length < total) {
    const elapsedMs = performance.now() - beganMs;
    const due = Math.min(total, Math.floor((elapsedMs / 1000) * perSecond));
    while (running.length < due) running.push(one(running.length));
    if (elapsedMs >= BEFORE_MS && !isLeaving) {
      site.leave();
      isLeaving = true;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const sentMs = performance.now() - beganMs;
  await Promise.all(running);
  return sentMs;
}

/** A connection that is still open, of those that are idle. */
function keptOf(idle: RawClient[]): RawClient | undefined {
  for (let kept = idle.pop(); kept !== undefined; kept = idle.pop()) if (!kept.isOver()) return kept;
  return undefined;
}

async function send(client: RawClient | undefined, text: string): Promise<{ fate: Fate; stays: boolean }> {
  if (client === undefined) return { fate: "refused", stays: false };
  client.write(text);
  const answer = await client.answer();
  if (answer === undefined) return { fate: "failed", stays: false };
  return { fate: answer.status === 200 ? "answered" : "unavailable", stays: !answer.closes };
}

function createFates(): Fates {
  const all = new Map<string, Fate>();
  return { note: (id, fate) => void all.set(id, fate), count: () => all.size, all };
}

interface Loss {
  readonly refused: number;
  readonly cut: number;
  readonly unanswered: number;
  readonly unavailable: number;
  readonly twice: number;
}

function countLoss({ all }: Fates, site: Site): Loss {
  const executed = site.executed();
  const with_ = (fate: Fate) => [...all].filter(([, each]) => each === fate).map(([id]) => id);
  const failed = with_("failed");
  const unanswered = failed.filter((id) => executed.has(id)).length;
  return {
    refused: with_("refused").length,
    cut: failed.length - unanswered,
    unanswered,
    unavailable: with_("unavailable").length,
    twice: [...executed.values()].filter((count) => count > 1).length,
  };
}

function lossOf(fates: Fates, site: Site): Outcome {
  const loss = countLoss(fates, site);
  const text = lossText(loss, fates.count());
  return { text, misses: Object.values(loss).every((count) => count === 0) ? [] : [text] };
}

/**
 * Where the hold ends first, requests may be refused, but nothing else may happen to them. A machine that stops for longer than
 * idle connections are kept makes them end as a request comes: it is cut, and not carried out.
 */
function refusalsOf(fates: Fates, site: Site, mayStop: boolean): Outcome {
  const loss = countLoss(fates, site);
  const text = lossText(loss, fates.count());
  return { text, misses: (mayStop ? 0 : loss.cut) + loss.unanswered + loss.twice === 0 ? [] : [text] };
}

function lossText({ refused, cut, unanswered, unavailable, twice }: Loss, total: number): string {
  const kinds = { refused, cut, unanswered };
  const parts = Object.entries(kinds).filter(([, count]) => count > 0);
  const detail = parts.length === 0 ? "" : ` (${parts.map(([kind, count]) => `${figure(count)} ${kind}`).join(", ")})`;
  const rest = [
    ...(unavailable === 0 ? [] : [`${figure(unavailable)} × 503`]),
    ...(twice === 0 ? [] : [`${figure(twice)} carried out twice`]),
  ];
  return [`${figure(refused + cut + unanswered)} lost of ${figure(total)}${detail}`, ...rest].join(", ");
}
