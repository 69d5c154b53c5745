/** A deploy under load, as it is done: one instance after the other, behind a balancer that looks at their readiness. */
import type { DrainReport, StreamReport } from "@onceover/core/drain";
import { describe, expect, it } from "vitest";
import type { Asked, Outcome, Wish } from "./rolling-restart/client.js";
import type { Departure } from "./rolling-restart/instance.js";
import { type Evidence, hasPassed, judge } from "./rolling-restart/judge.js";
import { report } from "./rolling-restart/report.js";
import { restartUnderLoad } from "./rolling-restart/restarts.js";

/** A new one each time; a failure prints it. */
const SEED = Number(process.env.RESTART_SEED ?? Date.now() % 1_000_000);
const PLAN = { budgetMs: 20_000, drainMs: 12_000, farewellMs: 1000, lingerMs: 50, spreadMs: 100, marginMs: 1 };
const STREAMS = { tokens: 8, tokenMs: 100, seed: SEED };

describe.concurrent(`three instances that are restarted one after the other (RESTART_SEED=${SEED})`, () => {
  it("lose no request, cut no stream and repeat no effect at 200 requests a second, and their reports add up", async () => {
    const plan = { ...PLAN, holdMs: 2000, quietMs: 300 };
    const outcome = await restartUnderLoad({ ...STREAMS, rounds: 2, perSecond: 200, plan });
    console.log(report(outcome));
    expect(hasPassed(outcome.judgement), report(outcome)).toBe(true);
    const { requests, sentAgain, reported } = outcome.judgement;
    expect(outcome.departures).toHaveLength(6);
    for (const count of [requests, sentAgain, reported.streams, reported.served]) expect(count).toBeGreaterThan(0);
  }, 120_000);

  it("refuse what comes when the hold was too short for the balancer, and another one answers that instead", async () => {
    const plan = { ...PLAN, holdMs: 10, quietMs: 10 };
    const outcome = await restartUnderLoad({ ...STREAMS, rounds: 1, perSecond: 100, plan });
    expect(hasPassed(outcome.judgement), report(outcome)).toBe(true);
    expect(outcome.judgement.reported.refused).toBeGreaterThan(0);
  }, 120_000);
});

const TOKENS = 2;
const WHOLE = "id: 1\ndata: r0\n\nid: 2\ndata: r0\n\n";

type Answered = Extract<Outcome, { outcome: "answered" }>;

function answered(body: string, change: Partial<Answered> = {}): Answered {
  return { outcome: "answered", status: 200, body, isReplayed: false, ...change };
}

/** A wish and its tries, which are named after it: `name-1`, `name-2`. */
function asked(name: string, wish: Wish, ...outcomes: readonly Outcome[]): Asked {
  return { wish, tries: outcomes.map((outcome, at) => ({ arrival: `${name}-${at + 1}`, servedBy: "a", outcome })) };
}

const PAYMENT = { kind: "payment", key: "k1" } as const;
const PAID = answered('{"revision":"r0","key":"k1"}', { status: 201 });
const BALANCE = asked("balance", { kind: "balance" }, answered('{"revision":"r0","arrival":"balance-1"}'));
const TOKEN_STREAM = asked("tokens", { kind: "tokens" }, answered(WHOLE));
const FIRST_PAYMENT = asked("first", PAYMENT, PAID);
const SECOND_PAYMENT = asked("second", PAYMENT, { ...PAID, isReplayed: true });

const STREAM: StreamReport = {
  class: "sse",
  kind: "finite",
  revision: { start: "r0", end: "r0" },
  bytes: WHOLE.length,
  events: 2,
  lastId: "2",
  outcome: "finished",
  durationMs: 200,
};
const PHASE = { ms: 100, endedBy: "done" } as const;
const REPORT: DrainReport = {
  format: 1,
  service: "restarted",
  revision: "r0",
  reason: "SIGTERM",
  startedAt: "2026-01-01T00:00:00.000Z",
  durationMs: 300,
  budgetMs: 1000,
  phases: { hold: PHASE, drain: PHASE, farewell: PHASE },
  requests: { atStart: 1, served: 1, refused: 0, reconnected: 0, finished: 2, gone: 0, cut: 0 },
  connections: { atStart: 1, opened: 0, unfinished: 0 },
  streams: [STREAM],
  interrupted: [],
  hooks: [],
  verdict: "clean",
};
const DEPARTURE: Departure = {
  revision: "r0",
  exitCode: 0,
  report: REPORT,
  visits: { atStart: ["tokens-1"], served: ["balance-1"], refused: [] },
};
const CALM: Evidence = {
  asked: [BALANCE, TOKEN_STREAM, FIRST_PAYMENT, SECOND_PAYMENT],
  effects: ["k1"],
  departures: [DEPARTURE],
  balancer: { requests: 4, brokenOff: 0, retries: 0 },
  tokens: TOKENS,
};

/** The evidence with another ask in the place of one of the calm ones. */
function insteadOf(before: Asked, after: Asked): Partial<Evidence> {
  return { asked: CALM.asked.map((each) => (each === before ? after : each)) };
}

function reporting(change: Partial<DrainReport>): Partial<Evidence> {
  return { departures: [{ ...DEPARTURE, report: { ...REPORT, ...change } }] };
}

function withRequests(change: Partial<DrainReport["requests"]>): Partial<Evidence> {
  return reporting({ requests: { ...REPORT.requests, ...change } });
}

function withStream(change: Partial<StreamReport>): Partial<Evidence> {
  return reporting({ streams: [{ ...STREAM, ...change }] });
}

describe("the judge of restarts", () => {
  it("finds nothing wrong where all was answered, took effect once and is reported as it was counted", () => {
    const judgement = judge(CALM);
    expect(judgement).toMatchObject({ failed: [], wrongEffects: [], wrongReports: [] });
    expect(judgement).toMatchObject({ requests: 4, tries: 4, streams: 1, keys: 1, sentAgain: 1, replays: 1 });
    expect(hasPassed(judgement)).toBe(true);
  });

  it("lets a request be tried again, and counts why", () => {
    const refused: Outcome = { outcome: "refused", status: 503, code: "draining" };
    const arrival = answered('{"arrival":"balance-2"}');
    const again = insteadOf(BALANCE, asked("balance", { kind: "balance" }, refused, arrival));
    const departures = [
      {
        ...DEPARTURE,
        visits: { atStart: ["tokens-1"], served: [], refused: ["balance-1"] },
        report: { ...REPORT, requests: { ...REPORT.requests, served: 0, refused: 1, finished: 1 } },
      },
    ];
    const judgement = judge({ ...CALM, ...again, departures, balancer: { ...CALM.balancer, requests: 5 } });
    expect(judgement).toMatchObject({ failed: [], wrongReports: [], tries: 5, again: new Map([["503 draining", 1]]) });
  });

  it.each<readonly [string, Partial<Evidence>]>([
    ["that has no answer in the end", insteadOf(FIRST_PAYMENT, asked("first", PAYMENT, { outcome: "lost" }))],
    ["whose answer was cut off", insteadOf(FIRST_PAYMENT, asked("first", PAYMENT, { outcome: "cut" }))],
    ["that was answered with an error", insteadOf(FIRST_PAYMENT, asked("first", PAYMENT, { ...PAID, status: 500 }))],
    ["that got somebody else's answer", insteadOf(BALANCE, asked("other", BALANCE.wish, answered('{"arrival":"x"}')))],
    [
      "whose duplicate was answered differently",
      insteadOf(SECOND_PAYMENT, asked("second", PAYMENT, answered('{"revision":"r1","key":"k1"}', { status: 201 }))),
    ],
    [
      "whose stream lacks its end",
      insteadOf(TOKEN_STREAM, asked("tokens", { kind: "tokens" }, answered(WHOLE.slice(0, -17)))),
    ],
    [
      "whose stream ended on another revision",
      insteadOf(TOKEN_STREAM, asked("tokens", { kind: "tokens" }, answered(WHOLE.replace(/r0\n\n$/, "r1\n\n")))),
    ],
  ])("counts a request as failed %s", (_what, change) => {
    expect(judge({ ...CALM, ...change }).failed).toHaveLength(1);
  });

  it.each<readonly [string, readonly string[]]>([
    ["happened twice", ["k1", "k1"]],
    ["never happened", []],
    ["nobody asked for", ["k1", "k9"]],
  ])("counts an effect that %s", (_what, effects) => {
    expect(judge({ ...CALM, effects }).wrongEffects).toHaveLength(1);
  });

  it.each<readonly [string, Partial<Evidence>, RegExp]>([
    ["exit code", { departures: [{ ...DEPARTURE, exitCode: 1 }] }, /^exit code of r0: 1 is reported, 0 was counted$/],
    ["verdict", reporting({ verdict: "cut" }), /^verdict/],
    ["revision", reporting({ revision: "r9" }), /^revision of r0: r9/],
    ["requests at the start", withRequests({ atStart: 2 }), /^requests at the start/],
    ["requests served", withRequests({ served: 0 }), /^requests served/],
    ["requests finished", withRequests({ finished: 1 }), /^requests finished/],
    ["clients gone", withRequests({ gone: 1 }), /^clients gone/],
    ["requests cut", withRequests({ cut: 1 }), /^requests cut/],
    ["requests refused", withRequests({ refused: 1 }), /^1 were refused/],
    ["clients told to come again", withRequests({ reconnected: 1 }), /^1 were told to come again, 0 clients heard it$/],
    ["interrupted runs", reporting({ interrupted: [{ keyDigest: "d", attempt: 1, fence: 1 }] }), /^interrupted runs/],
    ["hooks", reporting({ hooks: [{ hook: "onClosed", outcome: "late" }] }), /^hooks/],
    ["streams", reporting({ streams: [] }), /^streams of r0: 0 is reported, 1 was counted$/],
    ["bytes of a stream", withStream({ bytes: 1 }), /^bytes of streams/],
    ["outcome of a stream", withStream({ outcome: "client-gone" }), /^streams that did not finish here/],
    ["revision of a stream", withStream({ revision: { start: "r0", end: "r1" } }), /^streams that did not finish here/],
    [
      "stream that another revision wrote",
      insteadOf(TOKEN_STREAM, asked("tokens", { kind: "tokens" }, answered(WHOLE.replaceAll("r0", "r1")))),
      /^streams by another revision/,
    ],
    ["requests at the balancer", { balancer: { ...CALM.balancer, requests: 3 } }, /^4 requests were sent, 3 came/],
    ["answers broken off", { balancer: { ...CALM.balancer, brokenOff: 1 } }, /^1 answers were broken off/],
  ])("holds against a report what it says wrongly: %s", (_what, change, words) => {
    const { wrongReports } = judge({ ...CALM, ...change });
    expect(
      wrongReports.some((line) => words.test(line)),
      wrongReports.join("\n"),
    ).toBe(true);
  });
});
