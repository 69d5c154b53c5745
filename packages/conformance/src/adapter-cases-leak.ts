import { createHook } from "node:async_hooks";
import type { ServerResponse } from "node:http";
import { expect } from "vitest";
import {
  type AdapterBench,
  type AdapterCase,
  type App,
  byHand,
  expectProblem,
  json,
  numbered,
  QUIET_MS,
  type RouteLike,
  streamed,
  text,
} from "./adapter-bench.js";
import type { ClientRequest } from "./adapter-request.js";
import type { AdapterCapabilities } from "./adapter-suite.js";
import { pause, until } from "./adapter-wait.js";

/** How often each kind of exchange is gone through. What is left of each one adds up. */
const TIMES = 200;
/** How many go on at once. */
const TOGETHER = 50;
/** What a process has a few more or less of from one moment to the next, whoever looks. */
const NOISE = TIMES / 4;

/** How long what is over may take to be gone, in milliseconds. */
const LEFT_CAP_MS = 5000;

interface Kind {
  readonly exchange: string;
  readonly needs?: keyof AdapterCapabilities;
  readonly route: RouteLike;
  /** Goes through one exchange with a key of its own. */
  go(app: App, request: ClientRequest): Promise<unknown>;
}

const PIECES = ["first ", "then ", "last"];

/** Waits for a first byte, and hangs up. */
async function leaveAmid(app: App, request: ClientRequest): Promise<void> {
  const exchange = app.open(request);
  await exchange.until((received) => received.includes("first "));
  exchange.hangUp();
  await exchange.closed;
}

/** Hangs up before anything has come. */
async function leaveEarly(app: App, request: ClientRequest): Promise<void> {
  await app.send(request, AbortSignal.timeout(QUIET_MS)).catch(() => {});
}

const KINDS: readonly Kind[] = [
  {
    exchange: "runs and their replays",
    route: { handler: numbered() },
    async go(app, request) {
      await app.send(request);
      expect((await app.send(request)).header("idempotency-replayed")).toBe("true");
    },
  },
  {
    exchange: "clients that hang up while the handler works",
    route: {
      async handler() {
        await pause(2 * QUIET_MS);
        return text("paid");
      },
    },
    go: leaveEarly,
  },
  {
    exchange: "clients that hang up in mid-stream",
    route: { handler: () => streamed("pipe", PIECES, (index) => index === 1 && pause(QUIET_MS)) },
    go: leaveAmid,
  },
  {
    exchange: "clients that die in the middle of their body",
    route: { handler: numbered() },
    async go(app, request) {
      const exchange = app.open({ ...request, declared: 100 }, "head");
      await pause(QUIET_MS);
      exchange.hangUp();
      await exchange.closed;
    },
  },
  {
    exchange: "duplicates that hang up while they wait",
    route: {
      async handler() {
        await pause(2 * QUIET_MS);
        return text("paid");
      },
    },
    go: (app, request) => Promise.all([app.send(request), leaveEarly(app, request)]),
  },
  {
    exchange: "duplicates that join a stream and hang up",
    route: { handler: () => streamed("pipe", PIECES, (index) => index === 1 && pause(2 * QUIET_MS)) },
    async go(app, request) {
      const first = app.open(request);
      await first.until((received) => received !== "");
      const exchange = app.open(request);
      await pause(QUIET_MS);
      exchange.hangUp();
      await Promise.all([first.answer(), exchange.closed]);
    },
  },
  {
    exchange: "streams whose source breaks",
    route: {
      handler: () =>
        streamed("pipe", PIECES, (index) => {
          if (index === 1) throw new Error("the source broke");
        }),
    },
    go: (app, request) => app.send(request).catch(() => {}),
  },
  {
    exchange: "handlers that throw",
    route: {
      handler() {
        throw new Error("no such account");
      },
    },
    go: (app, request) => app.send(request),
  },
  {
    exchange: "answers that the handler destroys",
    needs: "nodeResponse",
    route: { handler: () => byHand((response) => response.destroy()) },
    go: (app, request) => app.send(request).catch(() => {}),
  },
];

/** Goes through a kind of exchange many times over, each with a key of its own. */
async function goThrough(app: App, { go }: Kind): Promise<void> {
  for (let at = 0; at < TIMES; at += TOGETHER) {
    const keys = Array.from({ length: TOGETHER }, (_, index) => `k-${at + index}`);
    await Promise.all(keys.map((key) => go(app, { key, body: "x" })));
  }
}

/** Counts what asynchronous things of these kinds there are that were not there before, unreferenced timers included. */
function countNew(): { readonly count: () => number; stop(): void } {
  const there = new Set<number>();
  const hook = createHook({
    init: (id, type) => void (/^(?:Timeout|TCP)/.test(type) && there.add(id)),
    destroy: (id) => void there.delete(id),
  });
  hook.enable();
  return { count: () => there.size, stop: () => void hook.disable() };
}

async function expectNoLeak({ serve }: AdapterBench, kind: Kind): Promise<void> {
  const [fresh, warnings, unheard] = [countNew(), hearWarnings(), hearRejections()];
  try {
    const app = await serve(kind.route);
    await goThrough(app, kind);
    await until("as many runs were over as began", () => beginnings(app) <= endings(app));
    await app.close();
    await until("what is left is noise", () => fresh.count() < NOISE, LEFT_CAP_MS);
  } finally {
    fresh.stop();
    expect([...warnings.stop(), ...unheard.stop()]).toEqual([]);
  }
}

/** What Node says of an emitter, or a signal, that has more listeners than it should. */
function hearWarnings(): Heard {
  return hear("warning", (warning) => warning instanceof Error && /MaxListeners/.test(warning.name));
}

function hearRejections(): Heard {
  return hear("unhandledRejection", () => true);
}

interface Heard {
  /** Hears no more, and hands out what was heard. */
  stop(): readonly unknown[];
}

function hear(event: "warning" | "unhandledRejection", counts: (told: unknown) => boolean): Heard {
  const heard: unknown[] = [];
  const listener = (told: unknown) => void (counts(told) && heard.push(told));
  process.on(event, listener);
  return {
    stop() {
      process.off(event, listener);
      return heard;
    },
  };
}

const beginnings = (app: App) => countOf(app, "run");
const endings = (app: App) => countOf(app, "recorded") + countOf(app, "answer-lost") + countOf(app, "abandoned");

function countOf({ events }: App, wanted: App["events"][number]["type"]): number {
  return events.filter(({ type }) => type === wanted).length;
}

/** The listeners of what a response stands on, which outlives it. */
function listenersOf({ socket }: ServerResponse): number {
  if (socket === null) return 0;
  return socket.eventNames().reduce((sum, name) => sum + socket.listenerCount(name), 0);
}

/** Nothing is left of an exchange when it is over. */
export const LEAK_CASES: readonly AdapterCase[] = [
  ...KINDS.map(
    (kind): AdapterCase => ({
      rule: `nothing leaks: no timer, socket or stream is left of ${TIMES} ${kind.exchange}`,
      needs: kind.needs === undefined ? "resourceCounts" : ["resourceCounts", kind.needs],
      run: (bench) => expectNoLeak(bench, kind),
    }),
  ),
  {
    rule: "nothing leaks: a connection has no more listeners after many runs and replays than after one",
    needs: ["resourceCounts", "nodeResponse"],
    only: "http/1.1",
    async run({ serve }) {
      const counts: number[] = [];
      const app = await serve(() =>
        byHand((response) => {
          counts.push(listenersOf(response));
          response.end("paid");
        }),
      );
      const connection = app.connect();
      for (let at = 0; at < TIMES; at += 1) {
        for (const _again of [1, 2]) await connection.open({ key: `k-${at}`, body: "x" }).answer();
      }
      expect([counts.length, connection.wasEnded]).toEqual([TIMES, false]);
      expect(counts.at(-1)).toBe(counts[1]);
    },
  },
  {
    rule: "nothing leaks: after close nothing keeps the process alive, and no rejection went unheard",
    needs: "resourceCounts",
    async run({ store, serve }) {
      const unheard = hearRejections();
      const before = resources();
      const app = await serve(async (call) => {
        if ((await call.body()) === "throw") throw new Error("no such account");
        await pause(QUIET_MS);
        return json({ paid: true });
      });
      const raw = app.raw();
      raw.write("POST /pay HTTP/1.1\r\nHost: h\r\nContent-Le");
      await Promise.all([
        app.send({ key: "a", body: "throw" }),
        app.send({ key: "b", body: "pay" }),
        app.send({ key: "b", body: "pay" }),
        expect(app.send({ key: "c", body: "pay" }, AbortSignal.timeout(10))).rejects.toThrow(),
      ]);
      store.down();
      expectProblem(await app.send({ key: "d", body: "pay" }), 503, "store-unavailable");
      store.up();
      await app.close();
      raw.destroy();
      await until("nothing is left", () => resources() <= before);
      expect(unheard.stop()).toEqual([]);
    },
  },
];

/** What keeps this process alive: sockets, servers and timers that are not unref'ed. */
function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(?:TCP|Timeout|Immediate|FSReq)/.test(name)).length;
}
