import type { ServerResponse } from "node:http";
import { expect } from "vitest";
import {
  type AdapterCase,
  byHand,
  expectProblem,
  expectReplay,
  json,
  numbered,
  QUIET_MS,
  streamed,
  text,
} from "./adapter-bench.js";
import type { NeutralHandler } from "./adapter-suite.js";
import { latch, pause, until } from "./adapter-wait.js";

/** More than a server takes in unless somebody reads it. */
const LARGE = "0123456789".repeat(40_000);

/** What the body was to a handler that asks for it. */
const told: NeutralHandler = async (call) => {
  const body = await call.body().catch(() => "broken off");
  return json({ told: body });
};

/** Answers once let go. */
function gatedText() {
  const gate = latch();
  const handler: NeutralHandler = async () => {
    await gate.opened;
    return text("paid");
  };
  return { handler, open: gate.open };
}

/** What a server does to its answer, or to its connection, in mid-answer. */
const CUTS: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  "destroys it": (response) => response.destroy(),
  "destroys it with an error": (response) => response.destroy(new Error("the ledger is gone")),
};

/** Exchanges that break off: on the client's side, on the server's, and in the middle of a body. */
export const ABORT_CASES: readonly AdapterCase[] = [
  {
    rule: "a client that dies in the middle of its body runs nothing and claims no key; the retry runs",
    async run({ store, serve }) {
      let arrivals = 0;
      const scope = () => {
        arrivals += 1;
        return ["one"];
      };
      const app = await serve({ options: { scope }, handler: numbered() });
      for (const [before, declared] of ([100, "none"] as const).entries()) {
        const refusals = () => app.events.filter(({ type }) => type === "refused").length;
        const exchange = app.open({ key: "k", declared, body: "half of it" }, "head");
        await until("it has arrived", () => arrivals > before);
        await pause(QUIET_MS);
        exchange.hangUp();
        await until("the server has noticed", () => refusals() > before);
        expect([app.runs, store.calls()]).toEqual([0, 0]);
      }
      expect((await app.send({ key: "k", body: "half of it" })).text).toBe('{"run":1}');
    },
  },
  {
    rule: "fingerprint off: what a handler answers to a body that broke off is recorded and replayed",
    async run({ serve }) {
      const app = await serve({ options: { fingerprint: "off" }, handler: told });
      const exchange = app.open({ key: "k", declared: 100, body: "half of it" }, "head");
      await until("it runs", () => app.runs === 1);
      exchange.hangUp();
      await until("it is recorded", () => app.events.some(({ type }) => type === "recorded"));
      const again = await app.send({ key: "k", body: "half of it" });
      expect([again.header("idempotency-replayed"), app.runs]).toEqual(["true", 1]);
    },
  },
  {
    rule: "a client that hangs up in its second request on a connection leaves both answers to its retries",
    async run({ serve }) {
      const { handler, open } = gatedText();
      const app = await serve([{ handler: numbered() }, { path: "/late", handler }]);
      const connection = app.connect();
      const first = await connection.open({ key: "a", json: 1 }).answer();
      connection.open({ key: "b", path: "/late", json: 1 });
      await until("it runs", () => app.runs === 2);
      connection.destroy();
      await pause(QUIET_MS);
      open();
      const second = await app.send({ key: "b", path: "/late", json: 1 });
      expect([second.text, second.header("idempotency-replayed")]).toEqual(["paid", "true"]);
      expectReplay(await app.send({ key: "a", json: 1 }), first);
      expect(app.runs).toBe(2);
    },
  },
  {
    rule: "a connection that ends with several streams at work leaves each answer to its retry",
    only: "h2",
    async run({ serve }) {
      const { handler, open } = gatedText();
      const app = await serve(handler);
      const keys = ["a", "b", "c"];
      const connection = app.connect();
      for (const key of keys) connection.open({ key, json: key });
      await until("they run", () => app.runs === 3);
      connection.destroy();
      await pause(QUIET_MS);
      open();
      const again = await Promise.all(keys.map((key) => app.send({ key, json: key })));
      expect(again.map((answer) => [answer.text, answer.header("idempotency-replayed")])).toEqual(
        keys.map(() => ["paid", "true"]),
      );
      expect(app.runs).toBe(3);
    },
  },
  {
    rule: "a stream that is reset leaves the others of its connection alone",
    only: "h2",
    async run({ serve }) {
      const { handler, open } = gatedText();
      const app = await serve(handler);
      const connection = app.connect();
      const [reset, other] = ["a", "b"].map((key) => connection.open({ key, json: key }));
      await until("they run", () => app.runs === 2);
      reset?.hangUp();
      await reset?.closed;
      open();
      expect((await other?.answer())?.text).toBe("paid");
      expectReplay(await connection.open({ key: "a", json: "a" }).answer(), await app.send({ key: "b", json: "b" }));
      expect([app.runs, connection.wasEnded]).toEqual([2, false]);
    },
  },
  {
    rule: "a piped answer whose source breaks is cut for the client; the retry is told so, and nothing runs again",
    async run({ serve }) {
      const app = await serve(() =>
        streamed("pipe", ["half of it", "never sent"], async (index) => {
          await pause(QUIET_MS);
          if (index === 1) throw new Error("the source broke");
        }),
      );
      await expect(app.send({ key: "k" })).rejects.toThrow();
      await until("the tombstone is recorded", () => app.events.some(({ type }) => type === "recorded"));
      expectProblem(await app.send({ key: "k" }), 409, "answer-not-kept", true);
      expect(app.runs).toBe(1);
    },
  },
  ...Object.entries(CUTS).map(
    ([what, cut]): AdapterCase => ({
      rule: `a handler that sends half of its answer and ${what}: cut for the client, and never for whole; a tombstone`,
      needs: "nodeResponse",
      async run({ serve }) {
        const answer = async (response: ServerResponse) => {
          response.write("half of it");
          await pause(QUIET_MS);
          cut(response);
        };
        const app = await serve(() => byHand(answer));
        await expect(app.send({ key: "k" })).rejects.toThrow();
        await until("the tombstone is recorded", () => app.events.some(({ type }) => type === "recorded"));
        expectProblem(await app.send({ key: "k" }), 409, "answer-not-kept", true);
        expect(app.runs).toBe(1);
      },
    }),
  ),
  {
    rule: "a handler slower than its response's time-out is recorded all the same, and the retry replays",
    needs: "nodeResponse",
    async run({ serve }) {
      const answer = async (response: ServerResponse) => {
        response.setTimeout(QUIET_MS);
        await pause(4 * QUIET_MS);
        response.end("paid");
      };
      const app = await serve(() => byHand(answer));
      // The time-out ends the connection of HTTP/1.1; HTTP/2 leaves that to whoever listens for it.
      await app.send({ key: "k" }).catch(() => {});
      const again = await app.send({ key: "k" });
      expect([again.text, again.header("idempotency-replayed"), app.runs]).toEqual(["paid", "true", 1]);
    },
  },
  {
    rule: "a handler that reads only the beginning of its body: the connection is good for more, and the retry replays",
    async run({ serve }) {
      const app = await serve(async (call) => text((await call.firstPiece()).slice(0, 10)));
      const connection = app.connect();
      const first = await connection.open({ key: "k", body: LARGE }).answer();
      expect(first.text).toBe("0123456789");
      expectReplay(await connection.open({ key: "k", body: LARGE }).answer(), first);
      expect([app.runs, connection.wasEnded]).toEqual([1, false]);
    },
  },
  ...(["request", "off"] as const).map(
    (fingerprint): AdapterCase => ({
      rule: `fingerprint ${fingerprint}: a handler that reads nothing of its body is answered for, and the retry replays`,
      async run({ serve }) {
        const app = await serve({ options: { fingerprint }, handler: numbered() });
        const first = await app.send({ key: "k", body: LARGE });
        expectReplay(await app.send({ key: "k", body: LARGE }), first);
        expect([first.status, app.runs]).toEqual([201, 1]);
      },
    }),
  ),
];
