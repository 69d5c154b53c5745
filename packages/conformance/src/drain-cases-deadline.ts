import { type DrainReport, exitCodeOf } from "@onceover/core/drain";
import { expect } from "vitest";
import { expectProblem, expectReplay, QUIET_MS, type RouteLike, text } from "./adapter-bench.js";
import { latch, pause, until } from "./adapter-wait.js";
import { type DrainBench, type DrainCase, expectSum, type Leaver, SHORT_HOLD } from "./drain-bench.js";

/** Renewed three times as often. */
const LEASE_MS = 300;
const SHORT = { ...SHORT_HOLD, budgetMs: 900, drainMs: 300, farewellMs: 200 } as const;
const NEXT: RouteLike = { options: { inFlight: "reject", leaseMs: LEASE_MS }, handler: () => text("ran again", 201) };

/** What becomes of runs that do not come to an end in time. */
export const DEADLINE_CASES: readonly DrainCase[] = [
  {
    rule: "deadline: a run that never ends is cut and named, its handler is told, and its lease is renewed no more",
    async run(bench) {
      const { app, answer, runs, report } = await cutOff(bench);
      await expect(answer).rejects.toThrow("cut off");
      expect(report.requests).toMatchObject({ atStart: 1, finished: 0, cut: 1 });
      expect(report.interrupted).toEqual([
        { keyDigest: expect.stringMatching(/^[0-9a-z_-]+$/i), attempt: 1, fence: expect.any(Number) },
      ]);
      expect(report.verdict).toBe("cut");
      expect(runs.map((signal) => signal.aborted)).toEqual([true]);
      expect(app.events.filter(({ type }) => type === "lease-lost")).toMatchObject([{ reason: "interrupted" }]);
    },
  },
  {
    rule: "deadline: a retry is told 409 as long as the lease lasts, and after it that the outcome is unknown; nothing runs again",
    async run(bench) {
      const { answer } = await cutOff(bench);
      await expect(answer).rejects.toThrow("cut off");
      const next = await bench.leaver([NEXT]);
      expectProblem(await next.send({ key: "k", json: 1 }), 409, "in-flight", "unknown");
      // Were it renewed still, it would not be over then.
      await pause(LEASE_MS / 2);
      bench.advance(LEASE_MS + 1);
      expectProblem(await next.send({ key: "k", json: 1 }), 409, "outcome-unknown", "unknown");
      expect(next.runs).toBe(0);
    },
  },
  {
    rule: "deadline: where the run comes to its end after all, a retry gets that one result",
    async run(bench) {
      const { answer, finish } = await cutOff(bench);
      await expect(answer).rejects.toThrow("cut off");
      finish();
      const next = await bench.leaver([NEXT]);
      let retried = await next.send({ key: "k", json: 1 });
      await until("the record is there", async () => {
        retried = await next.send({ key: "k", json: 1 });
        return retried.status !== 409;
      });
      expect([retried.status, retried.text, retried.header("idempotency-replayed")]).toEqual([201, "ran", "true"]);
      expect(next.runs).toBe(0);
      expectReplay(await next.send({ key: "k", json: 1 }), retried);
    },
  },
  {
    rule: "deadline: a handler without a key that never answers is cut, and the exit code says so",
    async run({ leaver }) {
      const never = latch();
      const app = await leaver([{ handler: () => never.opened.then(() => text("late")) }], SHORT);
      const answer = app.open({ json: 1 }).answer();
      await Promise.all([
        expect(answer).rejects.toThrow("cut off"),
        until("it is at work", () => app.runs === 1).then(async () => {
          const report = await reportOf(app);
          expect(report.requests).toMatchObject({ atStart: 1, cut: 1 });
          expect(report.interrupted).toEqual([]);
        }),
      ]);
      never.open();
      await pause(QUIET_MS);
    },
  },
];

/** A run that is still at work when its instance has left. */
async function cutOff({ leaver }: DrainBench) {
  const gone = latch();
  const runs: AbortSignal[] = [];
  const route: RouteLike = {
    options: { leaseMs: LEASE_MS },
    async handler({ once }) {
      if (once !== undefined) runs.push(once.signal);
      await gone.opened;
      return text("ran", 201);
    },
  };
  const app = await leaver([route], SHORT);
  const answer = app.open({ key: "k", json: 1 }).answer();
  // Looked at when all is over.
  answer.catch(() => {});
  await until("it runs", () => app.runs === 1);
  const report = await reportOf(app);
  return { app, answer, runs, report, finish: gone.open };
}

/** The report of an instance that had to cut; the process the suite runs in is not to end by that code. */
async function reportOf(app: Leaver): Promise<DrainReport> {
  const report = await app.drain.start();
  const said = process.exitCode;
  process.exitCode = undefined;
  expectSum(report);
  expect([said, exitCodeOf(report)]).toEqual([1, 1]);
  return report;
}
