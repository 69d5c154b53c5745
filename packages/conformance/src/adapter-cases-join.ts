import { expect } from "vitest";
import {
  type AdapterBench,
  type AdapterCase,
  expectProblem,
  expectReplay,
  QUIET_MS,
  streamed,
} from "./adapter-bench.js";
import { type Latch, latch, pause, until } from "./adapter-wait.js";

const EVENTS = [["Content-Type", "text/event-stream"]] as const;
const PIECES = ["id: 1\ndata: one\n\n", "id: 2\ndata: two\n\n"] as const;

/** A server whose handler streams two events, the second, or the end, when its latch is opened. */
async function serveEvents({ serve }: AdapterBench, options = {}, how: "write" | "pipe" = "write") {
  const [second, end] = [latch(), latch()];
  const wait = (index: number) => [undefined, second, end][index]?.opened;
  const app = await serve({ options, handler: () => streamed(how, PIECES, wait, EVENTS) });
  return { app, second, end };
}

function openAll(...latches: readonly Latch[]): void {
  for (const { open } of latches) open();
}

/** Duplicates of a request whose answer is on its way, in the same process. */
export const JOIN_CASES: readonly AdapterCase[] = [
  ...(["write", "pipe"] as const).map(
    (how): AdapterCase => ({
      rule: `a duplicate joins an answer streamed by ${how}: it gets what has left and then what comes, and one run is made`,
      async run(bench) {
        const { app, second, end } = await serveEvents(bench, {}, how);
        const first = app.open({ key: "k" });
        await first.until((received) => received === PIECES[0]);
        const duplicate = app.open({ key: "k" });
        await duplicate.until((received) => received === PIECES[0]);
        second.open();
        await duplicate.until((received) => received === PIECES.join(""));
        expect([first.isWhole, duplicate.isWhole]).toEqual([false, false]);
        end.open();
        expectReplay(await duplicate.answer(), await first.answer());
        expect(app.runs).toBe(1);
        expectReplay(await app.send({ key: "k" }), await first.answer());
      },
    }),
  ),
  {
    rule: "the end of a joined answer waits for the record",
    async run(bench) {
      const { app, second, end } = await serveEvents(bench);
      const first = app.open({ key: "k" });
      await first.until((received) => received !== "");
      const duplicate = app.open({ key: "k" });
      await duplicate.until((received) => received !== "");
      const hold = bench.store.hold("complete");
      openAll(second, end);
      await hold.reached;
      await pause(QUIET_MS);
      expect([first.isWhole, duplicate.isWhole]).toEqual([false, false]);
      hold.release();
      expectReplay(await duplicate.answer(), await first.answer());
    },
  },
  {
    rule: "a joined answer goes on when the first client hangs up, and the run when the one who joined does",
    async run(bench) {
      const { app, second, end } = await serveEvents(bench);
      const first = app.open({ key: "k" });
      await first.until((received) => received !== "");
      const [gone, stays] = [app.open({ key: "k" }), app.open({ key: "k" })];
      for (const joined of [gone, stays]) await joined.until((received) => received !== "");
      first.hangUp();
      gone.hangUp();
      await Promise.all([first.closed, gone.closed]);
      openAll(second, end);
      expect((await stays.answer()).text).toBe(PIECES.join(""));
      expect((await app.send({ key: "k" })).text).toBe(PIECES.join(""));
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "a joined answer is cut off where its source fails, and a retry is told that it was not kept",
    async run({ serve }) {
      const broken = latch();
      const wait = async (index: number) => {
        if (index === 0) return;
        await broken.opened;
        throw new Error("the source failed");
      };
      const app = await serve(() => streamed("pipe", PIECES, wait, EVENTS));
      const first = app.open({ key: "k" });
      await first.until((received) => received !== "");
      const duplicate = app.open({ key: "k" });
      await duplicate.until((received) => received !== "");
      broken.open();
      await Promise.all([first.closed, duplicate.closed]);
      expect(duplicate.isWhole).toBe(false);
      await until("the cut is recorded", () => app.events.some(({ type }) => type === "recorded"));
      expectProblem(await app.send({ key: "k" }), 409, "answer-not-kept", true);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "nobody joins another caller's answer, or one that was made for another payload",
    async run(bench) {
      const { app, second, end } = await serveEvents(bench);
      const first = app.open({ key: "k", body: "one" });
      await first.until((received) => received !== "");
      expectProblem(await app.send({ key: "k", body: "two" }), 422, "key-reused");
      openAll(second, end);
      const other = await app.send({ key: "k", body: "one", caller: "somebody else" });
      expect(other.lines("idempotency-replayed")).toEqual([]);
      expect(app.runs).toBe(2);
    },
  },
  {
    rule: "with resumeEvents, Last-Event-ID gets what follows that event: of a running answer, and of a recorded one",
    async run(bench) {
      const { app, second, end } = await serveEvents(bench, { resumeEvents: true });
      const first = app.open({ key: "k" });
      await first.until((received) => received !== "");
      const resume = { key: "k", headers: [["Last-Event-ID", "1"]] as const };
      const duplicate = app.open(resume);
      // Bun's server sends no head before the first piece, and here none has come yet.
      await until("the duplicate has joined", () => app.events.some(({ type }) => type === "replayed"));
      openAll(second, end);
      expect((await duplicate.answer()).text).toBe(PIECES[1]);
      expect((await first.answer()).text).toBe(PIECES.join(""));
      expect((await app.send(resume)).text).toBe(PIECES[1]);
      expect((await app.send({ key: "k", headers: [["Last-Event-ID", "7"]] })).text).toBe(PIECES.join(""));
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "any further duplicate than maxWaitersPerKey is told 409, and the others get the answer",
    async run(bench) {
      const { app, second, end } = await serveEvents(bench, { maxWaitersPerKey: 1 });
      const first = app.open({ key: "k" });
      await first.until((received) => received !== "");
      const duplicate = app.open({ key: "k" });
      await duplicate.until((received) => received !== "");
      expectProblem(await app.send({ key: "k" }), 409, "in-flight", "unknown");
      openAll(second, end);
      expectReplay(await duplicate.answer(), await first.answer());
    },
  },
];
