import type { DrainReport, StreamReport } from "@onceover/core/drain";
import { describe, expect, test } from "vitest";
import type { StreamsSeen } from "../storm/event-streams.js";
import { judge } from "../storm/judge.js";
import { verdict } from "../storm/report.js";
import { judgeRestart, type RestartSeen } from "../storm/restart.js";
import type { Departure } from "../storm/workers.js";

const EXPLANATION: StreamReport = {
  class: "sse",
  kind: "finite",
  revision: { start: "r1", end: "r1" },
  bytes: 500,
  events: 15,
  lastId: "15",
  outcome: "finished",
  durationMs: 1500,
};
const FEED: StreamReport = { ...EXPLANATION, kind: "endless", outcome: "handed-off" };
const PASSED_ON: StreamReport = { ...EXPLANATION, class: "other", outcome: "client-gone" };
const PHASE = { ms: 100, endedBy: "done" } as const;
const REPORT: DrainReport = {
  format: 1,
  service: "payments",
  revision: "r1",
  reason: "SIGTERM",
  startedAt: "2026-01-01T00:00:00.000Z",
  durationMs: 300,
  budgetMs: 10_000,
  phases: { hold: PHASE, drain: PHASE, farewell: PHASE },
  requests: { atStart: 2, served: 3, refused: 1, reconnected: 0, finished: 4, gone: 1, cut: 0 },
  connections: { atStart: 2, opened: 1, unfinished: 0 },
  streams: [EXPLANATION, FEED, PASSED_ON],
  interrupted: [],
  hooks: [],
  verdict: "clean",
};
const DEPARTURE: Departure = { port: 4000, exitCode: 0, report: REPORT };
const STREAMS: StreamsSeen = {
  whole: 5,
  toldToComeAgain: 1,
  feeds: [{ workers: 2, effects: ["e1", "e2"] }],
  wrong: [],
};
const CALM: RestartSeen = { departures: [DEPARTURE], streams: STREAMS, lost: 0 };
const LEDGER = ["e1", "e2", "e3"].map(
  (id) => ({ id, kind: "payment", scope: "alpaca", key: id, details: {} }) as const,
);
const NO_KEYS = judge({ requests: [], answers: [], effects: [] }, { builds: [], asked: new Map() });

const judged = (change: Partial<RestartSeen>) => judgeRestart({ ...CALM, ...change }, LEDGER);
const leaving = (change: Partial<Departure>) => ({ departures: [{ ...DEPARTURE, ...change }] });
const reporting = (change: Partial<DrainReport>) => leaving({ report: { ...REPORT, ...change } });
const streaming = (change: Partial<StreamReport>) => reporting({ streams: [{ ...EXPLANATION, ...change }, FEED] });
const feeding = (effects: readonly string[]) => ({ streams: { ...STREAMS, feeds: [{ workers: 1, effects }] } });

describe("judge of a restart", () => {
  test("where nothing was lost or cut, and feeds tell what the ledger does, nothing is wrong", () => {
    const judgement = judged({});
    expect(judgement).toMatchObject({ workers: 1, clean: 1, answered: 5, refused: 1, lost: 0, wrong: [] });
    expect(judgement).toMatchObject({ exitedWell: 1, whole: 5, takenUp: 1 });
    expect(judgement.streams).toEqual({ finished: 1, "handed-off": 1, "client-gone": 0, cut: 0 });
    expect(verdict({ judgement: NO_KEYS, restart: judgement })).toMatch(/^PASSED/);
  });

  test("a client that came while its worker left, and was told to come again, is no stream that was handed off", () => {
    const requests = { ...REPORT.requests, reconnected: 1 };
    const judgement = judged({ ...reporting({ requests }), streams: { ...STREAMS, toldToComeAgain: 2 } });
    expect(judgement).toMatchObject({ wrong: [], streams: { "handed-off": 1 } });
  });

  test.each<readonly [string, Partial<RestartSeen>, RegExp]>([
    ["a worker without a report", leaving({ report: undefined, exitCode: 137 }), /gave no report, and ended with 137/],
    ["an exit code", leaving({ exitCode: 1 }), /ended with 1/],
    ["a verdict that is not clean", reporting({ verdict: "cut" }), /reports: cut/],
    ["a stream that changed its revision", streaming({ revision: { start: "r1", end: "r2" } }), /1 streams on their/],
    ["requests that do not add up", reporting({ requests: { ...REPORT.requests, finished: 3 } }), /5 are reported, 4/],
    ["a client of a stream that left", streaming({ outcome: "client-gone" }), /streams that left: 1 are reported, 0/],
    ["a hand-off that no client saw", { streams: { ...STREAMS, toldToComeAgain: 0 } }, /come again: 1 are reported, 0/],
    ["a stream that a client found cut", { streams: { ...STREAMS, wrong: ["a feed broke off"] } }, /a feed broke off/],
    ["a lost request", { lost: 1 }, /1 requests were lost/],
    ["a feed with a gap", feeding(["e1", "e3"]), /told of e3 in place 2/],
    ["a feed with an effect twice", feeding(["e1", "e1"]), /told of e1 in place 2/],
    ["a feed of an effect that there is not", feeding(["e1", "e2", "e3", "e4"]), /told of e4 in place 4/],
  ])("%s fails the storm, and its last lines say why", (_what, change, words) => {
    const restart = judged(change);
    expect(restart.wrong).toEqual([expect.stringMatching(words), ...restart.wrong.slice(1)]);
    expect(verdict({ judgement: NO_KEYS, restart })).toMatch(/ {2}.*\nFAILED: \d things wrong about the restart\.$/);
  });
});
