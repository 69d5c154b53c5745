/** What every client of endless events may rely on while the revisions it is served by come and go. */
import type { DrainReport } from "@onceover/core/drain";
import { describe, expect, it, type TestContext } from "vitest";
import { type EventService, type EventServiceOptions, startEventService } from "./event-service.js";
import { type Front, startBalancer, startBlindBalancer, startSwitch } from "./front.js";
import { until } from "./wait.js";
import type { Seen, SeenEvent } from "./watch-events.js";

/** Watches streams, each from the moment it is opened. */
export interface EventClient {
  /** Opens streams of a service, of the sources named. */
  open(url: string, sources: readonly string[]): Promise<void>;
  /** What has been seen of each, in the order in which they were opened. */
  seen(): Promise<readonly Seen[]>;
  /** Asks for so many tokens, one each 50 ms, as one stream of lines; resolves when its head is there. */
  openTokens(url: string, count: number): Promise<{ readonly text: Promise<string> }>;
  close(): Promise<void>;
}

/** Of each revision, each source is to show as many before the next thing happens. */
const ENOUGH_EVENTS = 15;
/** For a machine that has a lot to do beside. */
const TEST_MS = 120_000;
const WAIT_MS = 60_000;
const CLOSED = 2;
const TOKENS_FOR_3_S = 60;

const PLAN: EventServiceOptions["plan"] = {
  budgetMs: 70_000,
  holdMs: 3000,
  quietMs: 300,
  farewellMs: 2000,
  lingerMs: 500,
  spreadMs: 200,
};

/** What the suite is called with. */
export interface HandOffOptions {
  /** Opens a client that knows nothing yet. */
  readonly openClient: () => Promise<EventClient>;
  /** The streams it opens; their ids begin with these names. A browser has six connections to a host, and one is for tokens. */
  readonly sources: readonly string[];
}

/** What a test has: one service, whose revisions follow upon each other behind a front. */
interface Stage {
  readonly front: Front;
  readonly client: EventClient;
  readonly first: EventService;
  /** Starts a revision; `front.point` is what brings it clients. */
  start(revision: string): Promise<EventService>;
  /** Waits until each stream has seen enough events since its revision was that one. */
  untilServedBy(revision: string): Promise<void>;
}

/** What it starts ends with the test, the last first. */
async function setUp(
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
  startFront: (port: number) => Promise<Front>,
  { openClient, sources }: HandOffOptions,
  plan: EventServiceOptions["plan"] = PLAN,
): Promise<Stage> {
  const common = { beganAtMs: Date.now(), everyMs: 20, plan, retryMs: 100 };
  const start = async (revision: string) => {
    const service = await startEventService({ ...common, revision });
    onTestFinished(() => service.stop());
    return service;
  };
  const first = await start("r1");
  const front = await startFront(first.port);
  onTestFinished(() => front.stop());
  const client = await openClient();
  onTestFinished(() => client.close());
  await client.open(front.url, sources);
  const untilServedBy = (revision: string) =>
    until(
      `all have seen enough of ${revision}`,
      async () => {
        const runs = (await client.seen()).map(({ events }) => runsOf(events).at(-1));
        return runs.every((run) => run?.revision === revision && run.events.length >= ENOUGH_EVENTS);
      },
      WAIT_MS,
    );
  await untilServedBy("r1");
  return { front, client, first, start, untilServedBy };
}

interface Run {
  readonly revision: string;
  readonly events: readonly SeenEvent[];
}

/** Events one after the other that were sent by the same revision. */
function runsOf(events: readonly SeenEvent[]): Run[] {
  const runs: { revision: string; events: SeenEvent[] }[] = [];
  for (const event of events) {
    if (runs.at(-1)?.revision !== event.data) runs.push({ revision: event.data, events: [] });
    runs.at(-1)?.events.push(event);
  }
  return runs;
}

/** The last events of the run with that number, of all sources, sorted. */
function lastIdsOf(seen: readonly Seen[], run: number): string[] {
  return seen.map(({ events }) => runsOf(events)[run]?.events.at(-1)?.id ?? "none").sort();
}

/** Each source's ids without a gap and none twice, by these revisions one after the other, and never given up. */
function expectUnbroken(seen: readonly Seen[], revisions: readonly string[]): void {
  for (const { events, readyStates } of seen) {
    const [source, first] = events[0]?.id.split(":") ?? [];
    expect(events.map(({ id }) => id)).toEqual(events.map((_, n) => `${source}:${Number(first) + n}`));
    expect(runsOf(events).map(({ revision }) => revision)).toEqual(revisions);
    expect(readyStates).not.toContain(CLOSED);
  }
}

/** The streams of events that a report names were all handed off, at the very events that their clients saw last. */
function expectHandedOff(report: DrainReport, lastIds: readonly string[]): void {
  const { revision, verdict } = report;
  expect(verdict).toBe("clean");
  const endless = report.streams.filter(({ kind }) => kind === "endless");
  expect(endless.map(({ lastId }) => lastId).sort()).toEqual(lastIds);
  for (const stream of endless) {
    const one = { class: "sse", revision: { start: revision, end: revision }, outcome: "handed-off" };
    expect(stream).toMatchObject(one);
  }
}

/** The application of the next revision was asked once by each, for what comes after the event that it saw last. */
function expectTakenUp(service: EventService, lastIds: readonly string[]): void {
  const arrivals = service.arrivals();
  expect(arrivals.map(({ lastEventId }) => lastEventId).sort()).toEqual(lastIds);
  expect(arrivals.map(({ source, lastEventId }) => lastEventId?.startsWith(`${source}:`))).not.toContain(false);
}

/** Lets a revision leave while the next one is there, and looks at both sides of it. */
async function replace({ front, client, untilServedBy }: Stage, old: EventService, next: EventService, run: number) {
  await front.point(next.port);
  old.signal();
  await untilServedBy(next.revision);
  return expectLeft(old, next, lastIdsOf(await client.seen(), run));
}

/** The one has left in order, and the other has taken over from where each stream stood. */
async function expectLeft(old: EventService, next: EventService, lastIds: readonly string[]): Promise<DrainReport> {
  const { report, exitCode } = await old.left();
  expectHandedOff(report, lastIds);
  expectTakenUp(next, lastIds);
  expect(exitCode).toBe(0);
  return report;
}

/** An event stream, without whatever a client of such makes of it. */
async function expectSentAway(url: string): Promise<void> {
  const headers = { Accept: "text/event-stream", "Last-Event-ID": "s1:1" };
  const answer = await fetch(`${url}/events?source=s1`, { headers });
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  expect(await answer.text()).toMatch(/^retry: \d+\n(?:id: s1:1\n)?\n$/);
}

/** Calls the suite. */
export function describeHandOff(name: string, options: HandOffOptions): void {
  describe.concurrent(name, { timeout: TEST_MS }, () => {
    it("behind a HAProxy streams go over two hand-offs without a gap, a double or a CLOSED, and the reports add up to what their client saw", async (test) => {
      const stage = await setUp(test, startBalancer, options);
      const next = await stage.start("r2");
      const reports = [
        await replace(stage, stage.first, next, 0),
        await replace(stage, next, await stage.start("r1"), 1),
      ];
      const seen = await stage.client.seen();
      expectUnbroken(seen, ["r1", "r2", "r1"]);
      const told = reports.map(({ streams, requests }) => streams.length + requests.reconnected);
      expect(seen.reduce((sum, { errors }) => sum + errors, 0)).toBe(sum(told));
    });

    it("behind a switch whose open connections stay where they are, they do so, too", async (test) => {
      const stage = await setUp(test, startSwitch, options);
      const next = await stage.start("r2");
      await replace(stage, stage.first, next, 0);
      await replace(stage, next, await stage.start("r1"), 1);
      expectUnbroken(await stage.client.seen(), ["r1", "r2", "r1"]);
    });

    it("a reconnect that still reaches the instance that leaves is told to come again, and goes on at the next one", async (test) => {
      const { first, front, client, start, untilServedBy } = await setUp(test, startSwitch, options);
      // Keeps the first one from being over before the streams come back to it.
      const tokens = await client.openTokens(front.url, Number.POSITIVE_INFINITY);
      const next = await start("r2");
      first.signal();
      await until(
        "each has come back to it twice",
        async () => (await client.seen()).every(({ opens, errors }) => opens >= 3 && errors >= 3),
        WAIT_MS,
      );
      await expectSentAway(front.url);
      await front.point(next.port);
      await untilServedBy("r2");
      first.endTokens();
      expect(await tokens.text).toMatch(/^({"token":\d+,"revision":"r1"}\n)+$/);
      const seen = await client.seen();
      expectUnbroken(seen, ["r1", "r2"]);
      const report = await expectLeft(first, next, lastIdsOf(seen, 0));
      expect(report.requests.reconnected).toBeGreaterThan(2 * options.sources.length);
      expect(first.arrivals()).toHaveLength(options.sources.length);
    });

    it("an instance that has nothing else to do stays until those it sent away have come back, from a balancer that is late", async (test) => {
      const stage = await setUp(test, startBlindBalancer, options, { ...PLAN, farewellMs: 20_000 });
      const next = await stage.start("r2");
      stage.first.signal();
      await until(
        "each has come back or given up",
        async () =>
          (await stage.client.seen()).every(({ opens, readyStates }) => opens >= 2 || readyStates.includes(CLOSED)),
        WAIT_MS,
      );
      await stage.front.point(next.port);
      expect((await stage.client.seen()).map(({ readyStates }) => readyStates.includes(CLOSED))).not.toContain(true);
      await stage.untilServedBy("r2");
      const seen = await stage.client.seen();
      expectUnbroken(seen, ["r1", "r2"]);
      const { requests } = await expectLeft(stage.first, next, lastIdsOf(seen, 0));
      expect(requests.reconnected).toBeGreaterThanOrEqual(options.sources.length);
    });

    it("a stream of 3 s ends whole on the revision that began it, long after the endless ones were handed off", async (test) => {
      const stage = await setUp(test, startBalancer, options);
      const next = await stage.start("r2");
      const tokens = await stage.client.openTokens(stage.front.url, TOKENS_FOR_3_S);
      const { streams } = await replace(stage, stage.first, next, 0);
      const lines = (await tokens.text).trim().split("\n");
      expect(lines).toEqual(
        Array.from({ length: TOKENS_FOR_3_S }, (_, n) => JSON.stringify({ token: n + 1, revision: "r1" })),
      );
      expect(streams.map(({ kind }) => kind)).toEqual([...options.sources.map(() => "endless"), "finite"]);
      expect(streams.at(-1)).toMatchObject({
        class: "ndjson",
        revision: { start: "r1", end: "r1" },
        outcome: "finished",
        events: TOKENS_FOR_3_S,
        bytes: lines.join("\n").length + 1,
      });
      expectUnbroken(await stage.client.seen(), ["r1", "r2"]);
    });
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
