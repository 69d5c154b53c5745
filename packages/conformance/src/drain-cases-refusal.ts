import { expect } from "vitest";
import { expectProblem, expectReplay, json, numbered, text } from "./adapter-bench.js";
import { requestText, wholeAnswers } from "./adapter-raw.js";
import { until } from "./adapter-wait.js";
import { type DrainBench, type DrainCase, gate, type Leaver, leave, QUICK, RETRY_MS, reach } from "./drain-bench.js";
import { expectRefusal, readAfterWriting } from "./drain-refusal.js";
import { EVENTS } from "./drain-source.js";

/** What becomes of requests once nothing new begins. */
export const REFUSAL_CASES: readonly DrainCase[] = [
  {
    rule: "drain: a request without a key is refused before the application, and told to come again elsewhere",
    async run(bench) {
      const { app, end } = await draining(bench, [QUICK]);
      await expectRefusal(bench.protocol, app.url, { method: "GET", path: "/quick" });
      await expectRefusal(bench.protocol, app.url, { path: "/quick", json: 1 });
      if (bench.protocol === "http/1.1") await expectClosing(app);
      const { requests } = await end();
      expect(requests).toMatchObject({ refused: bench.protocol === "h2" ? 2 : 4, served: 0 });
      // The one that keeps the drain open.
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "drain: a new key is refused, nothing runs, and the key is free for the next instance",
    async run(bench) {
      const { app, end } = await draining(bench, [{ handler: numbered() }]);
      const next = await bench.leaver([{ handler: numbered() }]);
      const refused = await app.send({ key: "free", json: 1 });
      expectProblem(refused, 503, "draining");
      expect(Number(refused.header("retry-after"))).toBeGreaterThanOrEqual(1);
      const ran = await next.send({ key: "free", json: 1 });
      expect([ran.status, ran.text, ran.header("idempotency-replayed")]).toEqual([201, '{"run":1}', undefined]);
      expect((await end()).requests).toMatchObject({ refused: 1, served: 0 });
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "drain: a key that is done is answered by its record",
    async run({ leaver }) {
      const slow = gate();
      const app = await leaver([{ handler: numbered() }, slow.route]);
      const first = await app.send({ key: "done", json: 1 });
      const end = await holdOpen(app, slow);
      expectReplay(await app.send({ key: "done", json: 1 }), first);
      expect((await end()).requests).toMatchObject({ served: 1, refused: 0, finished: 2 });
    },
  },
  {
    rule: "drain: the duplicate of a run that goes on gets that run's answer",
    async run({ leaver }) {
      const slow = gate();
      const app = await leaver([slow.route]);
      const first = app.send({ path: "/slow", key: "one", json: 1 });
      await until("it runs", () => slow.waiting === 1);
      const leaving = leave(app);
      await reach(app, "drain");
      const duplicate = app.open({ path: "/slow", key: "one", json: 1 });
      const other = await app.send({ path: "/slow", key: "another", json: 1 });
      expectProblem(other, 503, "draining");
      slow.open();
      expectReplay(await duplicate.answer(), await first);
      expect((await leaving).requests).toMatchObject({ atStart: 1, served: 1, refused: 1, finished: 2 });
      expect(slow.waiting).toBe(1);
    },
  },
  {
    rule: "drain: whoever asks for events gets an empty stream that sends them elsewhere with their id, and never 503 or 204",
    async run(bench) {
      const events = { handler: () => text("data: new\n\n", 200, EVENTS) };
      const { app, end } = await draining(bench, [
        { path: "/events", ...events },
        { path: "/endless", ...events },
      ]);
      for (const path of ["/events", "/endless"]) {
        const headers = [
          ["Accept", "text/event-stream"],
          ["Last-Event-ID", "e-41"],
        ] as const;
        const answer = await app.send({ method: "GET", path, headers });
        expect([answer.status, answer.header("content-type")]).toEqual([200, "text/event-stream"]);
        expect(answer.text).toMatch(/^retry: \d+\nid: e-41\n\n$/);
        const retryMs = Number(/\d+/.exec(answer.text)?.[0]);
        expect(retryMs >= RETRY_MS && retryMs <= 2 * RETRY_MS, `retry: ${retryMs}`).toBe(true);
      }
      expect((await end()).requests).toMatchObject({ reconnected: 2, refused: 0, served: 0 });
    },
  },
  {
    rule: "drain: ten of ten slow writes are answered whole, with a key and without",
    async run({ leaver }) {
      const slow = gate();
      const app = await leaver([slow.route]);
      const keys = Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? {} : { key: `key-${at}` }));
      const sent = keys.map((key) => app.send({ path: "/slow", json: 1, ...key }));
      await until("all ten are at work", () => slow.waiting === 10);
      const leaving = leave(app);
      await reach(app, "drain");
      slow.open();
      const answers = await Promise.all(sent);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
      expect(new Set(answers.map(({ text }) => text)).size).toBe(10);
      expect((await leaving).requests).toMatchObject({ atStart: 10, finished: 10, gone: 0 });
    },
  },
  {
    rule: "drain: a request whose body is still coming is answered when it has come",
    async run({ leaver }) {
      const app = await leaver([{ path: "/body", handler: async ({ body }) => json({ read: (await body()).length }) }]);
      const exchange = app.open({ path: "/body", body: "1234", declared: 8 }, "head");
      await until("it has arrived", () => app.runs === 1);
      const leaving = leave(app);
      await reach(app, "drain");
      exchange.write("5678");
      exchange.end();
      expect((await exchange.answer()).text).toBe('{"read":8}');
      expect((await leaving).requests).toMatchObject({ atStart: 1, finished: 1 });
    },
  },
  {
    rule: "drain: the refusal of a request with a large body can be read, with a key and without",
    async run(bench) {
      const { app, end } = await draining(bench, [QUICK]);
      // More than the buffers of a connection take; clients of HTTP/2 queue no more than ten megabytes.
      const body = Buffer.alloc(9 * 1024 * 1024, "x");
      await expectRefusal(bench.protocol, app.url, { path: "/quick", body });
      expectProblem(await app.send({ path: "/quick", key: "large", body }), 503, "draining");
      expect((await end()).requests).toMatchObject({ refused: 2, gone: 0 });
    },
  },
  {
    rule: "drain: whoever reads only when its large body has left can read its refusal, with a key and without",
    only: "http/1.1",
    async run(bench) {
      const { app, end } = await draining(bench, [{ handler: async ({ body }) => text(await body()) }]);
      const body = "x".repeat(9 * 1024 * 1024);
      for (const request of [{ body }, { body, key: "large" }]) {
        const [answer] = wholeAnswers(await readAfterWriting(app.url, requestText(request)));
        expect(answer?.status).toBe(503);
      }
      expect((await end()).requests).toMatchObject({ refused: 2, gone: 0 });
    },
  },
];

/** A server in the drain that stays there until it is told that it may end. */
async function draining({ leaver }: DrainBench, routes: Parameters<DrainBench["leaver"]>[0]) {
  const slow = gate();
  const app = await leaver([...routes, slow.route]);
  return { app, end: await holdOpen(app, slow) };
}

async function holdOpen(app: Leaver, slow: ReturnType<typeof gate>) {
  const held = app.send({ path: "/slow" });
  // Looked at in the end.
  held.catch(() => {});
  await until("it is at work", () => slow.waiting === 1);
  const leaving = leave(app);
  await reach(app, "drain");
  return async () => {
    slow.open();
    expect((await held).status).toBe(201);
    return leaving;
  };
}

/** What is refused is told that its connection closes, be it with a body or without. */
async function expectClosing(app: Leaver): Promise<void> {
  for (const request of [{ method: "GET" }, { json: 1 }]) {
    const { status, header } = await app.send({ path: "/quick", ...request });
    expect([status, header("connection")]).toEqual([503, "close"]);
  }
}
