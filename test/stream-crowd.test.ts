/** Many clients of server-sent events at once, through each adapter. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Streamed } from "./src/stream-client.js";
import { eventOf, STREAM_ADAPTER_NAMES, type StreamService, startStreamService } from "./src/stream-service.js";
import { sleep, until } from "./src/wait.js";

const CLIENTS = 1000;
const EVENTS = 10;
const EVERY_MS = 250;
/** Shorter than the events take to come. */
const LEASE_MS = 2000;
/** The default of `maxWaitersPerKey`. */
const MOST_JOINERS = 100;

function eventsOf(key: string, from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => eventOf(key, from + index)).join("");
}

async function codeOf(stream: Streamed): Promise<unknown> {
  await stream.ended;
  return [stream.status, JSON.parse(stream.text()).code];
}

const isReplay = ({ headers }: Streamed) => headers["idempotency-replayed"] === "true";
const haveBegun = (streams: readonly Streamed[]) => Promise.all(streams.map(({ begun }) => begun));
const haveEnded = async (streams: readonly Streamed[]) => {
  const endings = await Promise.all(streams.map(({ ended }) => ended));
  return [...new Set(endings)];
};
const texts = (streams: readonly Streamed[]) => [...new Set(streams.map((stream) => stream.text()))];

describe.each(STREAM_ADAPTER_NAMES)("server-sent events through %s", (adapter) => {
  let service: StreamService;
  beforeAll(async () => {
    service = await startStreamService({ adapter, store: "memory", leaseMs: LEASE_MS });
  });
  afterAll(() => service.stop());

  const open = (channel: string, key: string, headers?: Readonly<Record<string, string>>) =>
    service.open(`/once/events?channel=${channel}`, key, headers);

  it("1,000 clients at once: each gets every event in order, each run keeps its lease, each retry the same bytes", async () => {
    const keys = Array.from({ length: CLIENTS }, (_, at) => `client-${at}`);
    const streams = await Promise.all(keys.map((key) => open("crowd", key)));
    await haveBegun(streams);
    expect(keys.map((_, at) => streams[at]?.text())).toEqual(keys.map((key) => eventOf(key, 1)));
    for (let id = 2; id <= EVENTS; id += 1) {
      await sleep(EVERY_MS);
      await service.advance("crowd", id);
    }
    await until("every lease was renewed", async () => (await service.ask()).renewedRuns >= CLIENTS);
    await service.advance("crowd", EVENTS, "last");
    expect(await haveEnded(streams)).toEqual(["whole"]);
    expect(keys.map((_, at) => streams[at]?.text())).toEqual(keys.map((key) => eventsOf(key, 1, EVENTS)));

    for (const [at, key] of [...keys.entries()].filter(([at]) => at % 50 === 0)) {
      const retry = await open("crowd", key);
      await retry.ended;
      expect([isReplay(retry), retry.text()]).toEqual([true, streams[at]?.text()]);
    }
    const { runs, events } = await service.ask();
    expect(keys.filter((key) => runs[key] !== 1)).toEqual([]);
    expect([events.recorded, events["record-lost"]]).toEqual([CLIENTS, undefined]);
  });

  it("100 duplicates join one run and get its prefix and what follows; the next one is told 409, until one leaves", async () => {
    const first = await open("joined", "shared");
    await first.begun;
    const joined = await Promise.all(Array.from({ length: MOST_JOINERS }, () => open("joined", "shared")));
    await haveBegun(joined);
    expect([texts(joined), joined.every(isReplay)]).toEqual([[eventOf("shared", 1)], true]);
    expect(await codeOf(await open("joined", "shared"))).toEqual([409, "in-flight"]);

    joined.pop()?.hangUp();
    await until("a place is free", async () => {
      const another = await open("joined", "shared");
      if (another.status === 200) joined.push(another);
      return another.status === 200;
    });
    await service.advance("joined", 3);
    await until("all have the third event", () => [first, ...joined].every((one) => one.text().includes("says 3\n\n")));
    await service.advance("joined", 5, "last");
    expect(await haveEnded([first, ...joined])).toEqual(["whole"]);
    expect(texts([first, ...joined])).toEqual([eventsOf("shared", 1, 5)]);
    const retry = await open("joined", "shared");
    await retry.ended;
    expect([isReplay(retry), retry.text()]).toEqual([true, first.text()]);
    expect((await service.ask()).runs.shared).toBe(1);
  });

  it("a client that leaves comes back to the same run, to its record, and with Last-Event-ID to what it missed", async () => {
    const key = "left";
    const first = await open("left", key);
    await first.begun;
    first.hangUp();
    const again = await open("left", key);
    await again.begun;
    expect([isReplay(again), again.text()]).toEqual([true, eventOf(key, 1)]);
    const { events } = await service.ask();
    // Some servers send no head before there is a byte to send.
    const resuming = open("left", key, { "Last-Event-ID": "1" });
    await until("it has joined", async () => (await service.ask()).events.replayed === (events.replayed ?? 0) + 1);
    await service.advance("left", 3, "last");
    const resumed = await resuming;
    expect(await haveEnded([again, resumed])).toEqual(["whole"]);
    expect([again.text(), resumed.text()]).toEqual([eventsOf(key, 1, 3), eventsOf(key, 2, 3)]);

    const late = await open("left", key, { "Last-Event-ID": "2" });
    const whole = await open("left", key);
    expect(await haveEnded([late, whole])).toEqual(["whole"]);
    expect([late.text(), whole.text()]).toEqual([eventOf(key, 3), eventsOf(key, 1, 3)]);
    expect((await service.ask()).runs[key]).toBe(1);
  });
});

describe.each(STREAM_ADAPTER_NAMES)("of server-sent events through %s", (adapter) => {
  let service: StreamService;
  beforeAll(async () => {
    // A timer of a lease that nobody has stopped is there for longer than the test.
    service = await startStreamService({ adapter, store: "memory", leaseMs: 600_000 });
  });
  afterAll(() => service.stop());

  /** Goes through 200 streams, half of which their clients leave; gives how many handles there were meanwhile. */
  async function goThrough(channel: string): Promise<number> {
    const keys = Array.from({ length: 200 }, (_, at) => `${channel}-${at}`);
    const streams = await Promise.all(keys.map((key) => service.open(`/once/events?channel=${channel}`, key)));
    await haveBegun(streams);
    const { handles } = await service.ask();
    for (const stream of streams.slice(100)) stream.hangUp();
    await service.advance(channel, 2, "last");
    await haveEnded(streams);
    return handles;
  }

  it("no timer and no socket is left, whether clients stay or leave", async () => {
    // Not counted is what the first ones leave for good, such as the clock of a framework.
    await goThrough("uncounted");
    await service.ask("/watch-handles");
    expect(await goThrough("counted")).toBeGreaterThan(200);
    // The connection that asks is one.
    await until("nothing is left", async () => (await service.ask()).handles < 10);
  });
});
