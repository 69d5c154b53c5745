import { expect } from "vitest";
import {
  type AdapterCase,
  type App,
  expectProblem,
  expectReplay,
  json,
  numbered,
  QUIET_MS,
  streamed,
} from "./adapter-bench.js";
import { requestText, wholeAnswers } from "./adapter-raw.js";
import type { ClientAnswer } from "./adapter-request.js";
import type { NeutralHandler } from "./adapter-suite.js";
import { latch, pause, until } from "./adapter-wait.js";

/** A handler that says when it begins and waits until it is let go. */
function gated(answer: NeutralHandler = () => json({ paid: true })) {
  const [begun, gate] = [latch(), latch()];
  const handler: NeutralHandler = async (call) => {
    begun.open();
    await gate.opened;
    return answer(call);
  };
  return { handler, begun: begun.opened, open: gate.open };
}

const RENEWALS_PER_LEASE = 3;

async function expectOneRun(apps: readonly App[], count: number): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: count }, (_, at) => apps[at % apps.length]?.send({ key: "k", json: { amount: 1 } })),
  );
  expect(new Set(answers.map((answer) => `${answer?.status} ${answer?.text}`))).toEqual(new Set(['201 {"paid":true}']));
  expect(answers.filter((answer) => answer?.header("idempotency-replayed") === undefined)).toHaveLength(1);
  expect(apps.reduce((runs, app) => runs + app.runs, 0)).toBe(1);
}

/** Several requests with one key at one time. */
export const DUPLICATE_CASES: readonly AdapterCase[] = [
  {
    rule: "of fifty POSTs at once one runs, and fifty equal answers go out",
    async run({ serve }) {
      const handler = async () => {
        await pause(QUIET_MS);
        return json({ paid: true });
      };
      await expectOneRun([await serve(handler)], 50);
    },
  },
  {
    rule: "of fifty POSTs at once over two processes one runs, and fifty equal answers go out",
    async run({ serve }) {
      const handler = async () => {
        await pause(QUIET_MS);
        return json({ paid: true });
      };
      await expectOneRun([await serve(handler), await serve(handler)], 50);
    },
  },
  {
    rule: "wait: a duplicate is given the first run's answer, streamed ones too",
    async run({ serve }) {
      const { handler, begun, open } = gated(() => streamed("write", ["a", "b", "c"]));
      const app = await serve(handler);
      const first = app.send({ key: "k", json: 1 });
      await begun;
      const duplicate = app.send({ key: "k", json: 1 });
      open();
      expectReplay(await duplicate, await first);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "reject: a duplicate is refused with 409 and the seconds the lease has left, in this process and in another",
    async run({ serve }) {
      const { handler, begun, open } = gated();
      const route = { options: { inFlight: "reject" as const, leaseMs: 5000 }, handler };
      const [app, other] = [await serve(route), await serve(route)];
      const first = app.send({ key: "k", json: 1 });
      await begun;
      for (const server of [app, other]) {
        const refused = await server.send({ key: "k", json: 1 });
        expectProblem(refused, 409, "in-flight", "unknown");
        expect(["1", "2", "3", "4", "5"]).toContain(refused.header("retry-after"));
      }
      open();
      const answer = await first;
      expectReplay(await other.send({ key: "k", json: 1 }), answer);
      expect(app.runs + other.runs).toBe(1);
    },
  },
  {
    rule: "duplicates of a run that fails are given its failure; the next request runs alone",
    async run({ serve }) {
      let arrived = 0;
      // Asked for when a duplicate is about to join the run; whoever is counted earlier may not have sent his body yet.
      const fingerprint = () => {
        arrived += 1;
        return "a payment";
      };
      const handler: NeutralHandler = async ({ once }) => {
        await until("the burst has arrived", () => arrived % 5 === 0);
        await pause(QUIET_MS);
        return json({ attempt: once?.attempt }, once?.attempt === 1 ? 500 : 201);
      };
      const app = await serve({ options: { effects: "repeatable", fingerprint }, handler });
      const burst = () => Promise.all(Array.from({ length: 5 }, () => app.send({ key: "k", json: 1 })));
      expect((await burst()).map(({ status }) => status)).toEqual(Array(5).fill(500));
      expect((await burst()).map(({ text }) => text)).toEqual(Array(5).fill('{"attempt":2}'));
      expect(app.runs).toBe(2);
    },
  },
  {
    rule: "a handler of five leases keeps its key, and its signal is not aborted",
    takesLong: true,
    async run({ store, serve }) {
      const handler: NeutralHandler = async ({ once }) => {
        const signal = once?.signal;
        await until("five leases are over", () => store.calls("renew") >= 5 * RENEWALS_PER_LEASE);
        return json({ lost: signal?.aborted });
      };
      // Other cases go on in this process meanwhile: a renewal may come late by a second.
      const route = { options: { leaseMs: 1500, effects: "repeatable" as const }, handler };
      const [app, other] = [await serve(route), await serve(route)];
      const first = app.send({ key: "k", json: 1 });
      await until("it runs", () => app.runs === 1);
      const duplicate = await other.send({ key: "k", json: 1 });
      expect((await first).text).toBe('{"lost":false}');
      expectReplay(duplicate, await first);
      expect(app.runs + other.runs).toBe(1);
    },
  },
  {
    rule: "requests pipelined on one connection are answered in order, duplicates among them",
    only: "http/1.1",
    async run({ serve }) {
      const app = await serve(numbered());
      const raw = app.raw();
      const ask = (key: string) => requestText({ key, json: key });
      raw.write(ask("k1") + ask("k1") + ask("k2") + ask("k1") + ask("k3"));
      const answers = wholeAnswers(await raw.until((received) => wholeAnswers(received).length === 5));
      const told = ({ text, header }: ClientAnswer) => [text, header("idempotency-replayed")];
      expect(told(answers[1] ?? fail())).toEqual([answers[0]?.text, "true"]);
      expect(told(answers[3] ?? fail())).toEqual([answers[0]?.text, "true"]);
      expect(new Set([0, 2, 4].map((at) => answers[at]?.text)).size).toBe(3);
      expect(app.runs).toBe(3);
    },
  },
  {
    rule: "a connection is good for more after a run, a replay and a refusal",
    async run({ serve }) {
      const app = await serve(numbered());
      const connection = app.connect();
      const statuses: number[] = [];
      for (const key of ["k", "k", "k1,k2", "k"]) {
        statuses.push((await connection.open({ key, json: 1 }).answer()).status);
      }
      expect(statuses).toEqual([201, 201, 400, 201]);
      expect([app.runs, connection.wasEnded]).toEqual([1, false]);
    },
  },
  {
    rule: "HTTP/1.0 is answered without chunks, and the connection ends when the record is stored",
    only: "http/1.1",
    async run({ store, serve }) {
      const app = await serve(() => streamed("write", ["one ", "two"]));
      const hold = store.hold("complete");
      const raw = app.raw();
      raw.write(requestText({ key: "k", body: "x" }, { version: "1.0" }));
      await hold.reached;
      await pause(QUIET_MS);
      expect(raw.isClosed).toBe(false);
      hold.release();
      await raw.closed;
      expect(raw.received()).toMatch(/\r\n\r\none two$/);
      expect(raw.received()).not.toMatch(/transfer-encoding/i);
      expect((await app.send({ key: "k", body: "x" })).text).toBe("one two");
    },
  },
  {
    rule: "Expect: 100-continue is answered before the body comes",
    async run({ serve }) {
      const app = await serve(async (call) => json({ told: await call.body() }));
      const exchange = app.open({ key: "k", headers: [["Expect", "100-continue"]], declared: 4 }, "head");
      await exchange.until(() => exchange.isContinued);
      exchange.write("body");
      exchange.end();
      expect((await exchange.answer()).text).toBe('{"told":"body"}');
      expect(app.runs).toBe(1);
    },
  },
];

function fail(): never {
  throw new Error("an answer is missing");
}
