/** Clients of the service's event streams, as an `EventSource` would be one. */

import { setMaxListeners } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { FEED, type FedEffect, WORDS, type Writer } from "../payments-service/streams.js";

/** What the clients have seen. */
export interface StreamsSeen {
  /** Explanations that were read to their end, all of it by one worker. */
  readonly whole: number;
  /** How often a stream was ended with the time after which to come again. */
  readonly toldToComeAgain: number;
  /** Each feed: how many workers it got events from, and the effects they told of. */
  readonly feeds: readonly { readonly workers: number; readonly effects: readonly string[] }[];
  /** What was cut off, or is wrong in it: a gap, an event twice, two workers in one explanation. */
  readonly wrong: readonly string[];
}

/** Clients that read. */
export interface StreamClients {
  /** How many streams are being read now. */
  open(): number;
  /** How many effects the feed that is furthest behind has told of. */
  toldByAll(): number;
  /** Explanations are read to their end; then the feeds are left. */
  end(): Promise<StreamsSeen>;
}

const EXPLANATIONS = 12;
const FEEDS = 6;
const PAUSE_MS = 50;

/** Opens explanations, one after the other for each client, and feeds. */
export function openStreams(port: number, signal: AbortSignal): StreamClients {
  const agent = new Agent({ keepAlive: true });
  const wrong: string[] = [];
  let [openCount, whole, toldToComeAgain] = [0, 0, 0];
  const leaving = new AbortController();
  const left = AbortSignal.any([signal, leaving.signal]);
  // Each stream listens to it.
  setMaxListeners(0, left);
  let isEnding = false;

  async function read(path: string, lastId: number, onEvent: (event: StreamEvent) => void): Promise<StreamEnd> {
    openCount += 1;
    const ended = await readStream({ port, agent, path, lastId, signal: left }, onEvent);
    openCount -= 1;
    if (ended.retryMs !== undefined) toldToComeAgain += 1;
    return ended;
  }

  async function readExplanations(): Promise<void> {
    while (!isEnding && !signal.aborted) {
      const events: StreamEvent[] = [];
      const { end } = await read("/explanation", 0, (event) => events.push(event));
      if (signal.aborted) return;
      const isWhole = events.length === WORDS && end === "ended";
      if (isWhole && isInOrder(events) && isByOne(events)) whole += 1;
      else if (events.length > 0) wrong.push(`an explanation ${end} after ${events.length} of ${WORDS} words`);
      await sleep(PAUSE_MS);
    }
  }

  function readFeed(): Feed {
    const feed: Feed = { effects: [], pids: new Set(), over: Promise.resolve() };
    feed.over = follow(feed);
    return feed;
  }

  async function follow({ effects, pids }: Feed): Promise<void> {
    while (!left.aborted) {
      const { end, retryMs } = await read(FEED, effects.length, ({ id, data }) => {
        if (id !== effects.length + 1) wrong.push(`a feed told of effect ${id} after ${effects.length}`);
        effects.push(String((data as FedEffect).effect));
        pids.add(data.pid);
      });
      if (left.aborted) return;
      const isHandedOff = end === "ended" && retryMs !== undefined;
      if (!isHandedOff && end !== "refused") wrong.push(`a feed ${end} without a word after ${effects.length} effects`);
      await sleep(retryMs ?? PAUSE_MS, undefined, { signal: left }).catch(() => {});
    }
  }

  const explanations = Array.from({ length: EXPLANATIONS }, readExplanations);
  const feeds = Array.from({ length: FEEDS }, readFeed);
  return {
    open: () => openCount,
    toldByAll: () => Math.min(...feeds.map(({ effects }) => effects.length)),
    async end() {
      isEnding = true;
      await Promise.all(explanations);
      leaving.abort();
      await Promise.all(feeds.map(({ over }) => over));
      agent.destroy();
      const told = feeds.map(({ effects, pids }) => ({ workers: pids.size, effects }));
      return { whole, toldToComeAgain, feeds: told, wrong };
    },
  };
}

interface Feed {
  readonly effects: string[];
  readonly pids: Set<number>;
  over: Promise<void>;
}

interface StreamEvent {
  readonly id: number;
  readonly data: Writer;
}

/** `refused`: there was no stream. */
interface StreamEnd {
  readonly end: "ended" | "broke off" | "refused";
  readonly retryMs?: number | undefined;
}

function isInOrder(events: readonly StreamEvent[]): boolean {
  return events.every(({ id }, at) => id === at + 1);
}

function isByOne(events: readonly StreamEvent[]): boolean {
  return new Set(events.map(({ data }) => `${data.revision} ${data.pid}`)).size === 1;
}

/** Reads one stream to its end. Never rejects. */
function readStream(
  from: {
    readonly port: number;
    readonly agent: Agent;
    readonly path: string;
    readonly lastId: number;
    readonly signal: AbortSignal;
  },
  onEvent: (event: StreamEvent) => void,
): Promise<StreamEnd> {
  const { port, agent, path, lastId, signal } = from;
  const resumed = lastId === 0 ? {} : { "Last-Event-ID": String(lastId) };
  const headers = { Accept: "text/event-stream", ...resumed };
  return new Promise((resolve) => {
    let answered: IncomingMessage | undefined;
    let retryMs: number | undefined;
    let unread = "";
    const request = get({ host: "127.0.0.1", port, agent, path, headers, signal }, (response) => {
      answered = response;
      response.setEncoding("utf8").on("data", (text: string) => {
        const blocks = `${unread}${text}`.split("\n\n");
        unread = blocks.pop() ?? "";
        for (const block of blocks) {
          const retry = /^retry: (\d+)$/m.exec(block)?.[1];
          if (retry !== undefined) retryMs = Number(retry);
          const [, id, data] = /^id: (\d+)\ndata: (.*)$/m.exec(block) ?? [];
          if (id !== undefined && data !== undefined) onEvent({ id: Number(id), data: JSON.parse(data) });
        }
      });
      // What became of it is told when it is closed.
      response.on("error", () => {});
    });
    request.on("error", () => {});
    request.on("close", () => {
      if (answered?.statusCode !== 200) return resolve({ end: "refused" });
      resolve(answered.complete ? { end: "ended", retryMs } : { end: "broke off" });
    });
  });
}
