import { expect } from "vitest";
import { PLAIN, QUIET_MS } from "./adapter-bench.js";
import { pause, until } from "./adapter-wait.js";
import { type DrainBench, type DrainCase, leave, RETRY_MS, reach } from "./drain-bench.js";
import { EVENTS, flowing, RECORDS, type Source, source } from "./drain-source.js";

/** What becomes of answers that go on. */
export const STREAM_CASES: readonly DrainCase[] = [
  {
    rule: "streams: a finite event stream runs to its end, on the revision that began it, and is in the report",
    async run(bench) {
      const { from, exchange, app } = await streaming(bench, "/tokens", EVENTS, "write", ["id: 1\ndata: a\n\n"]);
      const leaving = leave(app);
      await reach(app, "drain");
      from.push("id: 2\ndata: b\n");
      from.push("\n");
      from.end();
      expect((await exchange.answer()).text).toBe("id: 1\ndata: a\n\nid: 2\ndata: b\n\n");
      const { streams, requests } = await leaving;
      expect(streams).toEqual([
        {
          class: "sse",
          kind: "finite",
          revision: { start: "r1", end: "r1" },
          bytes: 30,
          events: 2,
          lastId: "2",
          outcome: "finished",
          durationMs: expect.any(Number),
        },
      ]);
      expect(requests).toMatchObject({ atStart: 1, finished: 1 });
    },
  },
  {
    rule: "streams: a finite answer in chunks runs to its end",
    async run(bench) {
      const { from, exchange, app } = await streaming(bench, "/file", PLAIN, "pipe", ["one "]);
      const leaving = leave(app);
      await reach(app, "drain");
      from.push("two ");
      from.push("three");
      from.end();
      expect((await exchange.answer()).text).toBe("one two three");
      const [stream] = (await leaving).streams;
      expect(stream).toMatchObject({ class: "other", kind: "finite", bytes: 13, events: null, outcome: "finished" });
    },
  },
  {
    rule: "streams: a keyed stream runs to its end, is recorded, and is replayed by the next instance",
    async run(bench) {
      const from = source();
      const route = { path: "/tokens", handler: () => flowing("write", EVENTS, from) };
      const [app, next] = [await bench.leaver([route]), await bench.leaver([route])];
      const exchange = app.open({ path: "/tokens", key: "k", json: 1 });
      from.push("data: a\n\n");
      await exchange.until((received) => received.includes("data: a"));
      const leaving = leave(app);
      await reach(app, "drain");
      from.push("data: b\n\n");
      from.end();
      expect((await exchange.answer()).text).toBe("data: a\n\ndata: b\n\n");
      expect((await leaving).streams).toMatchObject([{ class: "sse", events: 2, outcome: "finished" }]);
      const again = await next.send({ path: "/tokens", key: "k", json: 1 });
      expect([again.text, again.header("idempotency-replayed")]).toEqual(["data: a\n\ndata: b\n\n", "true"]);
      expect(next.runs).toBe(0);
    },
  },
  {
    rule: "streams: an endless event stream is told goodbye behind a whole event, in the middle of which it was",
    async run(bench) {
      const begun = ["id: 1\ndata: a\n\n", "id: 2\ndata: b"];
      const { from, exchange, app } = await streaming(bench, "/endless", EVENTS, "pipe", begun);
      const leaving = leave(app);
      await reach(app, "drain");
      await pause(QUIET_MS);
      expect(exchange.isClosed).toBe(false);
      from.push("\n\n");
      const { text } = await exchange.answer();
      expect(text).toMatch(/^id: 1\ndata: a\n\nid: 2\ndata: b\n\nretry: \d+\nid: 2\n\n$/);
      await from.letGo;
      const { streams, requests, phases } = await leaving;
      expect(streams).toMatchObject([{ class: "sse", kind: "endless", events: 2, lastId: "2", outcome: "handed-off" }]);
      expect(requests).toMatchObject({ atStart: 1, finished: 1, cut: 0 });
      expect(phases.drain.endedBy).toBe("done");
    },
  },
  {
    rule: "streams: an endless event stream that is silent is told goodbye at once, with the last id its client has",
    async run(bench) {
      const headers = [["Last-Event-ID", "e-7"]] as const;
      const { exchange, app } = await streaming(bench, "/endless", EVENTS, "pipe", [": hello\n\n"], headers);
      const leaving = leave(app);
      const { text } = await exchange.answer();
      expect(text).toMatch(/^: hello\n\nretry: \d+\nid: e-7\n\n$/);
      expect(Number(/retry: (\d+)/.exec(text)?.[1])).toBeGreaterThanOrEqual(RETRY_MS);
      expect((await leaving).streams).toMatchObject([{ lastId: "e-7", events: 0, outcome: "handed-off" }]);
    },
  },
  {
    rule: "streams: endless records end behind a whole one",
    async run(bench) {
      const { from, exchange, app } = await streaming(bench, "/endless", RECORDS, "pipe", ['{"n":1}\n{"n"']);
      const leaving = leave(app);
      await reach(app, "drain");
      await pause(QUIET_MS);
      expect(exchange.isClosed).toBe(false);
      from.push(":2}\n");
      expect((await exchange.answer()).text).toBe('{"n":1}\n{"n":2}\n');
      await from.letGo;
      expect((await leaving).streams).toMatchObject([
        { class: "ndjson", kind: "endless", events: 2, bytes: 16, outcome: "handed-off" },
      ]);
    },
  },
  {
    rule: "streams: what a handler goes on to write to one that was handed off is swallowed, and harms nobody",
    async run(bench) {
      const { from, exchange, app } = await streaming(bench, "/endless", EVENTS, "write", ["data: a\n\n"]);
      const leaving = leave(app);
      expect((await exchange.answer()).text).toMatch(/^data: a\n\nretry: \d+\n\n$/);
      for (let at = 0; at < 5; at += 1) from.push(`data: late ${at}\n\n`);
      from.end();
      expect((await leaving).streams).toMatchObject([{ events: 1, outcome: "handed-off" }]);
      // A rejection that nobody hears fails the run of tests.
      await pause(QUIET_MS);
    },
  },
  {
    rule: "streams: a client that hangs up is told apart from what ended",
    async run(bench) {
      const { exchange, app } = await streaming(bench, "/tokens", EVENTS, "pipe", ["data: a\n\n"]);
      const leaving = leave(app);
      await reach(app, "drain");
      exchange.hangUp();
      const { streams, requests } = await leaving;
      expect(streams).toMatchObject([{ outcome: "client-gone", kind: "finite", events: 1 }]);
      expect(requests).toMatchObject({ atStart: 1, finished: 0, gone: 1, cut: 0 });
    },
  },
];

/** A stream whose first pieces its client has. */
async function streaming(
  { leaver }: DrainBench,
  path: string,
  headers: Parameters<typeof flowing>[1],
  how: "write" | "pipe",
  pieces: readonly string[],
  asked: Parameters<typeof flowing>[1] = [],
) {
  const from: Source = source();
  const app = await leaver([{ path, handler: () => flowing(how, headers, from) }]);
  const exchange = app.open({ method: "GET", path, headers: asked });
  for (const piece of pieces) from.push(piece);
  const sent = pieces.join("");
  await exchange.until((received) => received === sent);
  await until("the source is read to here", () => from.taken === pieces.length);
  return { from, app, exchange };
}
