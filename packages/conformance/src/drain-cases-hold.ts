import { expect } from "vitest";
import { json } from "./adapter-bench.js";
import { requestText, wholeAnswers } from "./adapter-raw.js";
import { pause, until } from "./adapter-wait.js";
import { type DrainCase, gate, type Leaver, LONG_HOLD, leave, QUICK, reach, SHORT_HOLD } from "./drain-bench.js";

const GET_QUICK = { method: "GET", path: "/quick" } as const;

/** Well below `quietMs` of the case that probes. */
const PROBE_EVERY_MS = 100;

/** While nobody is to notice yet that an instance leaves. */
export const HOLD_CASES: readonly DrainCase[] = [
  {
    rule: "hold: readiness is 503, liveness 200, and every request is served",
    async run({ leaver }) {
      const app = await leaver([QUICK, { path: "/pay", handler: () => json({ paid: true }) }], LONG_HOLD);
      expect([await statusAt(app, "/readyz"), await statusAt(app, "/livez")]).toEqual([200, 200]);
      const leaving = leave(app);
      expect([await statusAt(app, "/readyz"), await statusAt(app, "/livez")]).toEqual([503, 200]);
      expect((await app.send(GET_QUICK)).text).toBe("quick");
      expect((await app.send({ key: "k", json: 1 })).status).toBe(201);
      expect(app.drain.state).toBe("hold");
      const { requests, phases } = await leaving;
      expect(requests).toMatchObject({ atStart: 0, served: 2, refused: 0, finished: 2 });
      expect(phases.hold.endedBy).toBe("quiet");
    },
  },
  {
    rule: "hold: it goes on as long as requests come, until its cap, and none of them is lost",
    async run({ leaver }) {
      const app = await leaver([QUICK], { ...SHORT_HOLD, holdMs: 600, quietMs: 600 });
      const leaving = leave(app);
      let served = 0;
      while (app.drain.state === "hold") {
        const { status } = await app.send(GET_QUICK).catch(() => ({ status: 0 }));
        if (status === 200) served += 1;
        // The last one may have come a moment too late.
        else expect(app.drain.state).not.toBe("hold");
      }
      const { requests, phases } = await leaving;
      expect(phases.hold.endedBy).toBe("cap");
      expect(requests).toMatchObject({ served, finished: served, gone: 0, cut: 0 });
    },
  },
  {
    rule: "hold: probes do not prolong it",
    async run({ leaver }) {
      const app = await leaver([QUICK], {
        ...SHORT_HOLD,
        holdMs: 15_000,
        quietMs: 300,
        drainMs: 1_000,
        budgetMs: 30_000,
      });
      const leaving = leave(app);
      while (app.drain.state === "hold") {
        await statusAt(app, "/readyz");
        // A connection on which nothing has come yet may be anybody's; balancers pause longer than that.
        await pause(PROBE_EVERY_MS);
      }
      const { requests, phases } = await leaving;
      expect(phases.hold.endedBy).toBe("quiet");
      expect(requests.served).toBe(0);
    },
  },
  {
    rule: "hold: a connection is told to close by its next answer, and by none before",
    only: "http/1.1",
    async run({ leaver }) {
      const app = await leaver([QUICK], LONG_HOLD);
      const connection = app.connect();
      expect((await connection.open(GET_QUICK).answer()).header("connection")).not.toBe("close");
      void app.drain.start();
      expect((await connection.open(GET_QUICK).answer()).header("connection")).toBe("close");
      await until("the connection is closed", () => connection.wasEnded);
    },
  },
  {
    rule: "pipelined: five of five are answered in order, and only the fifth answer closes their connection",
    only: "http/1.1",
    async run({ leaver }) {
      const slow = gate();
      const app = await leaver([slow.route]);
      const connection = app.raw();
      connection.write(requestText({ path: "/slow" }).repeat(5));
      await until("all five are at work", () => slow.waiting === 5);
      const leaving = leave(app);
      await reach(app, "drain");
      slow.open();
      await connection.closed;
      const answers = wholeAnswers(connection.received());
      expect(answers.map(({ text }) => text)).toEqual([1, 2, 3, 4, 5].map((number) => `slow ${number}`));
      const closing = answers.map((answer) => answer.header("connection") === "close");
      expect(closing).toEqual([false, false, false, false, true]);
      expect((await leaving).requests).toMatchObject({ atStart: 5, finished: 5 });
    },
  },
  {
    rule: "pipelined: what comes behind an answer that closes the connection is not executed",
    only: "http/1.1",
    async run({ leaver }) {
      const slow = gate();
      const app = await leaver([slow.route, QUICK], LONG_HOLD);
      void app.drain.start();
      const connection = app.raw();
      connection.write(requestText({ path: "/slow" }));
      await until("the first is at work", () => slow.waiting === 1);
      slow.open();
      // It is told at once, and its request may still cross the answer.
      await connection.until((received) => received.includes("slow 1"));
      connection.write(requestText(GET_QUICK));
      await connection.closed;
      expect(wholeAnswers(connection.received())).toHaveLength(1);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "half-sent heads: twenty of twenty are served when they come whole in the hold",
    only: "http/1.1",
    async run({ leaver }) {
      const app = await leaver([QUICK], LONG_HOLD);
      const halves = await halfSent(app, 20);
      void app.drain.start();
      for (const { complete } of halves) complete();
      await Promise.all(halves.map(({ connection }) => connection.closed));
      const answers = halves.map(({ connection }) => wholeAnswers(connection.received()).map(({ text }) => text));
      expect(answers).toEqual(halves.map(() => ["quick"]));
    },
  },
  {
    rule: "half-sent heads: one that comes whole in the drain is refused cleanly, and one that never does is closed in the end",
    only: "http/1.1",
    async run({ leaver }) {
      const slow = gate();
      const app = await leaver([QUICK, slow.route]);
      const [late, never] = await halfSent(app, 2);
      const held = app.send({ path: "/slow" });
      await until("it is at work", () => slow.waiting === 1);
      const leaving = leave(app);
      await reach(app, "drain");
      late?.complete();
      await late?.connection.closed;
      const [answer] = wholeAnswers(late?.connection.received() ?? "");
      expect([answer?.status, answer?.header("connection")]).toEqual([503, "close"]);
      expect(never?.connection.isClosed).toBe(false);
      slow.open();
      expect((await held).status).toBe(201);
      const { requests, connections } = await leaving;
      await never?.connection.closed;
      expect(never?.connection.received()).toBe("");
      expect(requests).toMatchObject({ refused: 1, cut: 0 });
      expect(connections.unfinished).toBe(1);
    },
  },
  {
    rule: "start: called twice it gives one report, and whoever asks when all is over is given it, too",
    async run({ leaver }) {
      const app = await leaver([QUICK]);
      const [one, other] = await Promise.all([app.drain.start(), app.drain.start()]);
      expect(other).toBe(one);
      expect(await app.drain.start()).toBe(one);
    },
  },
  {
    rule: "start: connections on which nothing is, or ever was, keep nobody waiting",
    async run({ leaver }) {
      const app = await leaver([QUICK], { ...SHORT_HOLD, farewellMs: 9_000 });
      const connection = app.connect();
      await connection.open(GET_QUICK).answer();
      const silent = app.raw();
      await until("the server has it", async () => (await app.send(GET_QUICK)).status === 200);
      const { phases } = await leave(app);
      await silent.closed;
      expect(phases.farewell.endedBy).toBe("done");
    },
  },
];

async function statusAt(app: Leaver, path: string): Promise<number> {
  return (await app.send({ method: "GET", path })).status;
}

/** Connections with half a request on them that the server has read. */
async function halfSent(app: Leaver, count: number) {
  const [half, rest] = split(requestText(GET_QUICK));
  const halves = Array.from({ length: count }, () => {
    const connection = app.raw();
    connection.write(half);
    return { connection, complete: () => connection.write(rest) };
  });
  // Whoever came before an answered request has been heard by then.
  await app.send(GET_QUICK);
  await app.send(GET_QUICK);
  return halves;
}

function split(whole: string): readonly [string, string] {
  return [whole.slice(0, 20), whole.slice(20)];
}
