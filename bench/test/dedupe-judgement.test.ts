import { describe, expect, it } from "vitest";
import type { LedgerLine } from "../../examples/payments-service/ledger.js";
import { CLASSES, type ClassName, classify } from "../src/dedupe/classes.js";
import { judge } from "../src/dedupe/judgement.js";
import type { Fault } from "../src/dedupe/revisions.js";
import type { Sending } from "../src/dedupe/traffic.js";

const KEY = { scope: "alpaca", key: "order-1" };
/** Process 41 is of r41 and listens as r41a, and so on. */
const revisions = (faults: readonly Fault[]) => ({
  faults,
  revisionOfProcess: (pid: number) => `r${pid}`,
  revisionOfServer: (server: string) => server.slice(0, 3),
});

function sending(id: string, sentMs: number, answer?: { atMs: number; server?: string }): Sending {
  const seen = answer === undefined ? {} : { answer: { server: "r41a", ...answer } };
  return { ...KEY, id, sentMs, toldUnknown: false, ...seen };
}

const RAN_ON_R41: readonly LedgerLine[] = [begin(41), effect("e1")];

function begin(pid: number, attempt = 1): LedgerLine {
  return { line: "begin", effectKey: "k", attempt, pid };
}

function effect(id: string, attempt = 1): LedgerLine {
  return { line: "effect", effectKey: "k", attempt, effect: { ...KEY, id, kind: "payment", details: {} } };
}

const ASKED: LedgerLine = { line: "closed", effectKey: "k", attempt: 1 };
const KILLED: Fault = { pid: 41, what: "killed", atMs: 20 };

function classesOf(
  sendings: readonly Sending[],
  ledger: readonly LedgerLine[],
  faults: readonly Fault[] = [],
): ClassName[] {
  return classify({ traffic: { sendings }, ledger, revisions: revisions(faults) }).map(({ className }) => className);
}

describe("the class of a duplicate", () => {
  it("is 'after the answer' where the revision that ran answers what was sent after an answer", () => {
    expect(classesOf([sending("1", 0, { atMs: 10 }), sending("2", 10, { atMs: 12 })], RAN_ON_R41)).toEqual([
      "after the answer",
    ]);
  });

  it("is 'across revisions' where the other revision answers it", () => {
    const across = sending("2", 10, { atMs: 12, server: "r42b" });
    expect(classesOf([sending("1", 0, { atMs: 10 }), across], RAN_ON_R41)).toEqual(["across revisions"]);
  });

  it("looks at the revision whose run took the effect, not at the one that answered first", () => {
    const ledger = [begin(41), ASKED, begin(42, 2), effect("e1", 2)];
    const sendings = [sending("1", 0, { atMs: 10, server: "r41a" }), sending("2", 11, { atMs: 12, server: "r42a" })];
    expect(classesOf(sendings, ledger)).toEqual(["after the answer"]);
  });

  it("is 'concurrent' where nobody had an answer when it was sent, whoever is answered first", () => {
    const sendings = [sending("1", 0, { atMs: 30 }), sending("2", 5, { atMs: 9 }), sending("3", 8, { atMs: 31 })];
    expect(classesOf(sendings, RAN_ON_R41)).toEqual(["concurrent", "concurrent"]);
  });

  it("is 'after a crash' where the process of the run had been killed, and recover had to ask the ledger", () => {
    const sendings = [sending("1", 0, { atMs: 90 }), sending("2", 19, { atMs: 90 }), sending("3", 20, { atMs: 91 })];
    expect(classesOf(sendings, [begin(41), ASKED, effect("e1")], [KILLED])).toEqual(["concurrent", "after a crash"]);
  });

  it("is 'concurrent' where the killed process was another one, or the answer was safe, or the kill came before", () => {
    const sendings = [sending("1", 0, { atMs: 90 }), sending("2", 30, { atMs: 91 })];
    expect(classesOf(sendings, [begin(42), ASKED, effect("e1")], [KILLED])).toEqual(["concurrent"]);
    expect(classesOf(sendings, RAN_ON_R41, [KILLED])).toEqual(["concurrent"]);
    expect(classesOf(sendings, [begin(41), ASKED, effect("e1")], [{ ...KILLED, atMs: -1 }])).toEqual(["concurrent"]);
  });

  it("is 'after a crash' too where the run was killed before it came to its effect, and another one took it", () => {
    const sendings = [sending("1", 0, { atMs: 90 }), sending("2", 30, { atMs: 91 })];
    expect(classesOf(sendings, [ASKED, begin(42, 2), effect("e1", 2)], [KILLED])).toEqual(["after a crash"]);
  });
});

const YES = { status: 201, body: '{"id":"e1"}', effect: "e1" };

/** Two duplicates after the answer; as many in the other classes as `wanted` asks for. */
function judged({
  sendings = [sending("1", 0, { atMs: 10 }), sending("2", 11, { atMs: 12 }), sending("3", 12, { atMs: 14 })],
  answers = ["1", "2", "3"].map((request) => ({ request, ...YES })),
  ledger = RAN_ON_R41,
  leftUnknown = 0,
  wanted = 0,
} = {}) {
  const traffic = { sendings, answers, send: () => Promise.resolve(), isOpen: () => false, close() {} };
  const judgement = judge({ traffic, ledger, revisions: revisions([]) }, { wanted, leftUnknown });
  return { ...judgement, first: judgement.rows[0] };
}

describe("the judgement", () => {
  it("has a row for each class, and counts equal answers with one effect as hits", () => {
    const { rows, first, keys, passed } = judged();
    expect(rows.map(({ className }) => className)).toEqual(CLASSES);
    expect(first).toEqual({
      className: "after the answer",
      duplicates: 2,
      hits: 2,
      lowerBound: expect.closeTo(0.05 ** 0.5, 9),
      duplicateEffects: 0,
      unknown: 0,
      lost: 0,
    });
    expect([keys, passed]).toEqual([1, true]);
  });

  it("passes where each class has what was wanted, and every duplicate of it is a hit", () => {
    const every = [
      sending("1", 0, { atMs: 90 }),
      sending("2", 10, { atMs: 91 }),
      sending("3", 30, { atMs: 91 }),
      sending("4", 95, { atMs: 96 }),
      sending("5", 95, { atMs: 97, server: "r42a" }),
    ];
    const traffic = { sendings: every, answers: every.map(({ id }) => ({ request: id, ...YES })) };
    const whole = { ...traffic, send: () => Promise.resolve(), isOpen: () => false, close() {} };
    const seen = { traffic: whole, ledger: [begin(41), ASKED, effect("e1")], revisions: revisions([KILLED]) };
    expect(judge(seen, { wanted: 1, leftUnknown: 0 })).toMatchObject({ passed: true, violations: [] });
    expect(judge(seen, { wanted: 2, leftUnknown: 0 }).passed).toBe(false);
    expect(judge(seen, { wanted: 1, leftUnknown: 1 }).passed).toBe(false);
    expect(judge(seen, { wanted: 1, leftUnknown: 0 }).rows.map(({ unknown }) => unknown)).toEqual([0, 1, 1, 0]);
  });

  it("fails where an effect happened twice, though every answer is equal, and takes a hit for it", () => {
    const { passed, first } = judged({ ledger: [...RAN_ON_R41, begin(42, 2), effect("e2", 2)] });
    expect([passed, first?.hits, first?.duplicateEffects]).toEqual([false, 1, 1]);
  });

  it("fails where an answer tells of an effect that is not there: the key is lost", () => {
    const { passed, first } = judged({ ledger: [] });
    expect([passed, first?.lost]).toEqual([false, 1]);
  });

  it("fails where an answer differs", () => {
    const answers = ["1", "2", "3"].map((request, at) => ({ request, ...YES, body: `{"id":"e1"}${" ".repeat(at)}` }));
    const { passed, first } = judged({ answers });
    expect([passed, first?.hits]).toEqual([false, 0]);
  });

  it("takes a duplicate without an answer for a miss", () => {
    const sendings = [sending("1", 0, { atMs: 10 }), sending("2", 11, { atMs: 12 }), sending("3", 12)];
    const { passed, first } = judged({ sendings, answers: ["1", "2"].map((request) => ({ request, ...YES })) });
    expect([passed, first?.duplicates, first?.hits]).toEqual([false, 2, 1]);
  });
});
