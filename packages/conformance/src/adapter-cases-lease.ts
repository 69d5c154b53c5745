import type { Recovered, UnknownOutcome } from "@onceover/core";
import { expect } from "vitest";
import {
  type AdapterBench,
  type AdapterCase,
  type App,
  expectProblem,
  expectReplay,
  json,
  numberedRoute,
  streamed,
} from "./adapter-bench.js";
import type { HandlerCall, Reply } from "./adapter-suite.js";
import { latch, until } from "./adapter-wait.js";

/** Short enough to be outlived, long enough to be acquired in. */
const LEASE_MS = 60;

interface Paused {
  readonly app: App;
  /** What the handler was called with. */
  readonly call: () => HandlerCall;
  /** Lets the handler answer. */
  open(): void;
}

/** A process whose renewals do not reach the store, as if it were paused: its run goes on beyond its lease. */
async function servePaused(
  { store, serve }: AdapterBench,
  effects: "once" | "repeatable",
  answer: (gate: Promise<void>) => Reply | Promise<Reply>,
): Promise<Paused> {
  const gate = latch();
  const calls: HandlerCall[] = [];
  const renew = () => Promise.reject(new Error("this process is paused"));
  const handler = (call: HandlerCall) => {
    calls.push(call);
    return answer(gate.opened);
  };
  const app = await serve({ options: { effects, leaseMs: LEASE_MS }, handler }, { store: { ...store, renew } });
  const call = () =>
    calls[0] ?? { once: undefined, pinned: undefined, body: async () => "", firstPiece: async () => "" };
  return { app, call, open: gate.open };
}

async function later(gate: Promise<void>): Promise<Reply> {
  await gate;
  return json({ by: "first" }, 200, [
    ["X-By", "first"],
    ["Set-Cookie", "by=first"],
  ]);
}

/** Starts a run that dies with its lease: its answer is never recorded. */
async function leaveUnknown(bench: AdapterBench): Promise<void> {
  const { app } = await servePaused(bench, "once", later);
  const gone = app.send({ key: "k", json: 1 });
  await until("it runs", () => app.runs === 1);
  await app.close();
  await expect(gone).rejects.toThrow();
}

/** What happens when the right to run ends before the run. */
export const LEASE_CASES: readonly AdapterCase[] = [
  {
    rule: "the signal is aborted, with the reason, when the lease is lost",
    async run(bench) {
      const { app, call, open } = await servePaused(bench, "once", later);
      app.open({ key: "k", json: 1 });
      await until("it runs", () => app.runs === 1);
      const signal = call().once?.signal;
      await until("the lease is lost", () => signal?.aborted === true);
      expect(signal?.reason).toMatchObject({ name: "OnceoverError", code: "lease-lost" });
      open();
    },
  },
  {
    rule: "effects once: a retry after the lease is told that the outcome is unknown; the late answer is recorded and replayed",
    async run(bench) {
      const { app, open } = await servePaused(bench, "once", later);
      const other = await bench.serve(numberedRoute({}));
      const first = app.send({ key: "k", json: 1 });
      await until("it runs", () => app.runs === 1);
      expectProblem(await other.send({ key: "k", json: 1 }), 409, "outcome-unknown", "unknown");
      expectProblem(await other.send({ key: "k", json: 2 }), 422, "key-reused");
      open();
      expect((await first).text).toBe('{"by":"first"}');
      expectReplay(await other.send({ key: "k", json: 1 }), await first);
      expect([app.runs, other.runs]).toEqual([1, 0]);
    },
  },
  {
    rule: "a run whose key was taken over answers with the other run's recorded answer, never with its own",
    async run(bench) {
      const { app, open } = await servePaused(bench, "repeatable", later);
      const other = await bench.serve({ options: { effects: "repeatable" }, handler: () => json({ by: "second" }) });
      const first = app.send({ key: "k", json: 1 });
      await until("it runs", () => app.runs === 1);
      const second = await other.send({ key: "k", json: 1 });
      expect(second.text).toBe('{"by":"second"}');
      open();
      expectReplay(await first, second);
      for (const name of ["x-by", "set-cookie"]) expect((await first).lines(name)).toEqual([]);
      for (const server of [app, other]) expectReplay(await server.send({ key: "k", json: 1 }), second);
      expect([app.runs, other.runs]).toEqual([1, 1]);
    },
  },
  {
    rule: "a run whose key was taken over while its answer was half sent is cut off, never finished",
    async run(bench) {
      const { app, open } = await servePaused(bench, "repeatable", (gate) =>
        streamed("write", ["first ", "of two"], (index) => index === 1 && gate),
      );
      const other = await bench.serve({ options: { effects: "repeatable" }, handler: () => json({ by: "second" }) });
      const exchange = app.open({ key: "k", json: 1 });
      await exchange.until((received) => received.includes("first "));
      const second = await other.send({ key: "k", json: 1 });
      open();
      await exchange.closed;
      expect(exchange.isWhole).toBe(false);
      expectReplay(await app.send({ key: "k", json: 1 }), second);
    },
  },
  {
    rule: "effects repeatable: a run that died is run again, as a later attempt",
    async run(bench) {
      await leaveUnknown(bench);
      const other = await bench.serve({
        options: { effects: "repeatable" },
        handler: ({ once }) => json({ attempt: once?.attempt }),
      });
      expect((await other.send({ key: "k", json: 1 })).text).toBe('{"attempt":2}');
    },
  },
  {
    rule: "recover done: its answer is recorded, sent and replayed, and the handler does not run",
    async run(bench) {
      await leaveUnknown(bench);
      const asked: Omit<UnknownOutcome<unknown>, "request">[] = [];
      const recover = ({ request, ...unknown }: UnknownOutcome<unknown>): Recovered => {
        expect(request).toBeDefined();
        asked.push(unknown);
        const headers = { "Content-Type": "text/plain", "Set-Cookie": "a=1" };
        return { outcome: "done", response: { status: 201, headers, body: "found in the ledger" } };
      };
      const app = await bench.serve(numberedRoute({ recover }));
      const first = await app.send({ key: "k", json: 1 });
      expect([first.status, first.text, first.header("content-type")]).toEqual([
        201,
        "found in the ledger",
        "text/plain",
      ]);
      expect(first.lines("set-cookie")).toEqual([]);
      const other = await bench.serve(numberedRoute({}));
      for (const server of [app, other]) expectReplay(await server.send({ key: "k", json: 1 }), first);
      expect([app.runs, other.runs]).toEqual([0, 0]);
      const [number, effectKey] = [expect.any(Number), expect.any(Function)];
      expect(asked).toEqual([{ key: "k", attempt: 1, fence: number, sinceMs: number, effectKey }]);
    },
  },
  {
    rule: "recover rerun: the handler runs, as a later attempt",
    async run(bench) {
      await leaveUnknown(bench);
      const app = await bench.serve({
        options: { recover: () => ({ outcome: "rerun" }) },
        handler: ({ once }) => json({ attempt: once?.attempt }),
      });
      const first = await app.send({ key: "k", json: 1 });
      expect(first.text).toBe('{"attempt":2}');
      expectReplay(await app.send({ key: "k", json: 1 }), first);
    },
  },
  {
    rule: "recover unknown, or one that throws: 409 outcome-unknown, and asked again next time",
    async run(bench) {
      await leaveUnknown(bench);
      let asked = 0;
      const recover = (): Recovered => {
        asked += 1;
        if (asked === 1) return { outcome: "unknown" };
        throw new Error("the ledger is down");
      };
      const app = await bench.serve(numberedRoute({ recover }));
      expectProblem(await app.send({ key: "k", json: 1 }), 409, "outcome-unknown", "unknown");
      expectProblem(await app.send({ key: "k", json: 1 }), 409, "outcome-unknown", "unknown");
      expect([app.runs, asked]).toEqual([0, 2]);
    },
  },
];
