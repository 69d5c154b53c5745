import { createServer, type IncomingMessage } from "node:http";
import type { HeaderLine, PinnedFetch, PinnedFetchInit } from "@onceover/core";
import { expect } from "vitest";
import { type AdapterBench, type AdapterCase, json, PLAIN, QUIET_MS, type RouteLike } from "./adapter-bench.js";
import type { ClientAnswer } from "./adapter-request.js";
import { type PinnedApp, servePinned } from "./adapter-revisions.js";
import type { HandlerCall, NeutralHandler } from "./adapter-suite.js";
import { latch, pause } from "./adapter-wait.js";

/** What a service further on was sent. */
interface Sent {
  readonly rev: string | undefined;
  readonly key: string | undefined;
}

/** A service further on, which answers what it was sent. */
async function serveFurther(bench: AdapterBench): Promise<string> {
  const sentBy = ({ headers }: IncomingMessage): Sent => ({
    rev: headers["schema-rev"]?.toString(),
    key: headers["idempotency-key"]?.toString(),
  });
  const server = createServer((request, response) => {
    response.setHeader("Connection", "close");
    response.end(JSON.stringify(sentBy(request)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  bench.defer(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${Object(server.address()).port}`;
}

/** What a handler of `serveAsking` was told. */
function toldIn({ text }: ClientAnswer): unknown {
  return JSON.parse(text).told;
}

/** A server whose handler asks another one, by the instance's `fetch` unless it is told otherwise. */
async function serveAsking(
  bench: AdapterBench,
  ask: (call: HandlerCall, send: (init?: PinnedFetchInit) => Promise<Sent>) => Promise<unknown>,
  route: Omit<RouteLike, "handler"> = {},
  fetchOf: (call: HandlerCall, app: PinnedApp) => PinnedFetch = (_call, { once }) => once.fetch,
): Promise<PinnedApp> {
  const further = await serveFurther(bench);
  let app: PinnedApp | undefined;
  const handler: NeutralHandler = async (call) => {
    if (app === undefined) throw new Error("a request came before the server was ready");
    const send = fetchOf(call, app);
    const told = await ask(call, async (init) => JSON.parse(await (await send(further, init)).text()));
    return json({ told });
  };
  app = await servePinned(
    bench,
    { ...route, handler },
    { writes: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] } },
  );
  return app;
}

const revision = (value: number): readonly HeaderLine[] => [["Schema-Rev", String(value)]];

/** Pins that a handler's own calls carry, though nobody hands them on. */
export const PASS_ON_CASES: readonly AdapterCase[] = [
  {
    rule: "the instance's fetch sends the pins of the request on, before and after the body is read, with a key and without",
    async run(bench) {
      const app = await serveAsking(bench, async ({ body }, send) => {
        const before = await send();
        return [before.rev, (await body()).length, (await send()).rev];
      });
      const headers = revision(11);
      for (const request of [{ body: "xyz" }, { key: "k", body: "xyz" }, { body: "x".repeat(200_000) }]) {
        const answer = await app.send({ ...request, headers });
        expect(toldIn(answer)).toEqual(["11", request.body.length, "11"]);
      }
      expect(toldIn(await app.send({ method: "GET", headers }))).toEqual(["11", 0, "11"]);
    },
  },
  ...(["before", "after"] as const).map(
    (bodyParser): AdapterCase => ({
      rule: `the instance's fetch sends the pins on where a body parser runs ${bodyParser} the adapter, and the body comes in pieces`,
      needs: "bodyParser",
      async run(bench) {
        const app = await serveAsking(bench, async (_call, send) => (await send()).rev, { bodyParser });
        const headers = [...revision(11), ["Content-Type", "application/json"]] as const;
        for (const key of ["k", undefined]) {
          const request = { ...(key && { key }), headers, body: '{"text":', declared: 8 + 6 };
          const exchange = app.open(request, "head");
          // Whoever waits for the rest is woken by the connection, and not by the request that is being handled.
          await pause(QUIET_MS);
          exchange.write('"yes"}');
          exchange.end();
          expect(toldIn(await exchange.answer())).toBe("11");
        }
      },
    }),
  ),
  {
    rule: "the instance's fetch with a step sends the key of that step, and fails without a key",
    async run(bench) {
      const app = await serveAsking(bench, async ({ once }, send) => {
        const sent = await send({ step: "charge" }).catch(String);
        return { sent, expected: once && { rev: "11", key: once.effectKey("charge") } };
      });
      const told = toldIn(await app.send({ key: "k", body: "x", headers: revision(11) }));
      expect(told).toEqual({ sent: Object(told).expected, expected: { rev: "11", key: expect.any(String) } });
      const refused = toldIn(await app.send({ body: "x", headers: revision(11) }));
      expect(refused).toEqual({ sent: expect.stringMatching(/^TypeError: step needs a request/) });
      await expect(app.once.fetch(app.url, { step: "charge" })).rejects.toThrow(TypeError);
    },
  },
  {
    rule: "the instance's fetch keeps requests that go on at once apart, and sends no pins where there were none",
    async run(bench) {
      const gate = latch();
      let waiting = 0;
      const app = await serveAsking(bench, async (_call, send) => {
        waiting += 1;
        if (waiting === 4) gate.open();
        await gate.opened;
        return (await send()).rev ?? "none";
      });
      const asked = [{ headers: revision(11) }, { headers: revision(12), key: "k" }, {}, { key: "l" }];
      const answers = await Promise.all(asked.map((request) => app.send({ body: "x", ...request })));
      expect(answers.map(toldIn)).toEqual(["11", "12", "none", "none"]);
    },
  },
  {
    rule: "the instance's fetch sends the pins on from within an answer that is written in pieces",
    async run(bench) {
      const further = await serveFurther(bench);
      async function* source(): AsyncGenerator<Uint8Array> {
        yield Buffer.from("early ");
        yield Buffer.from(await (await app.once.fetch(further)).text());
      }
      const handler: NeutralHandler = () => ({ how: "write", status: 200, headers: PLAIN, source: source() });
      const app = await servePinned(bench, { handler }, { writes: { schemaRev: 11 } });
      expect((await app.send({ method: "GET", headers: revision(11) })).text).toBe('early {"rev":"11"}');
    },
  },
  {
    rule: "the fetch that a handler is given sends the pins on wherever it is called",
    async run(bench) {
      let kept: PinnedFetch | undefined;
      const app = await serveAsking(
        bench,
        async (_call, send) => (await send()).rev,
        {},
        ({ pinned }, { once }) => {
          kept = pinned?.fetch;
          return kept ?? once.fetch;
        },
      );
      expect(toldIn(await app.send({ key: "k", body: "x", headers: revision(11) }))).toBe("11");
      const further = await serveFurther(bench);
      expect(await (await kept?.(further))?.json()).toMatchObject({ rev: "11" });
    },
  },
];
