import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { random } from "../examples/storm/random.js";
import { bundleWorker } from "./chaos/bundle-worker.js";
import { type Outcome, runChaos } from "./chaos/chaos.js";
import { createClaims } from "./chaos/claims.js";
import { FAULT_NAMES, faultDeck } from "./chaos/faults.js";
import { parseFlags } from "./chaos/flags.js";
import { isSettled, judge, type Standing } from "./chaos/judge.js";
import { HEADING, hasPassed, row, verdict } from "./chaos/report.js";
import { TARGETS, type TargetName } from "./chaos/targets.js";

/** A new one each time; a failure prints it. */
const SEED = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
const SECONDS = 4;

describe("chaos", () => {
  let worker: Awaited<ReturnType<typeof bundleWorker>>;
  const rows: string[] = [HEADING];
  beforeAll(async () => {
    worker = await bundleWorker();
  });
  afterAll(async () => {
    await worker.remove();
    console.log(rows.join("\n"));
  });

  it.each(Object.keys(TARGETS) as TargetName[])(
    `%s: each key takes effect once, through a fault every 350 ms (CHAOS_SEED=${SEED})`,
    async (store) => {
      const outcome = await runChaos(store, { seconds: SECONDS, seed: SEED, file: worker.file });
      rows.push(row(outcome));
      expect(hasPassed(outcome), verdict([outcome])).toBe(true);
      expect(outcome.keys).toBeGreaterThan(10);
      expect([...outcome.faults.values()].reduce((sum, each) => sum + each)).toBeGreaterThan(5);
    },
    180_000,
  );
});

describe("the verdict of chaos", () => {
  const CALM: Outcome = {
    ...{ store: "lmdb", seed: 7, keys: 10, faults: new Map(), unknown: 3, inFlight: 3, listed: 2, settled: 2 },
    ...{ crashes: 0, violations: [] },
  };

  it("passes where nothing is wrong", () => {
    expect(hasPassed(CALM)).toBe(true);
    expect(verdict([CALM])).toMatch(/^PASSED/);
  });

  it.each<readonly [string, Partial<Outcome>, RegExp]>([
    [
      "a broken rule",
      { violations: [{ rule: "one-effect-per-key", detail: "e1, e2" }] },
      /1 duplicate effects\n.*e1, e2/,
    ],
    ["more unknown outcomes than runs at a fault", { unknown: 4 }, /4 unknown outcomes, and only 3 runs/],
    ["an outcome that stays unknown", { settled: 1 }, /1 unknown outcomes that were listed are not settled/],
    ["a worker that ended by itself", { crashes: 1 }, /1 workers ended though nobody killed them/],
  ])("fails for %s, and names store and seed", (_, change, words) => {
    const outcome = { ...CALM, ...change };
    expect(hasPassed(outcome)).toBe(false);
    expect(verdict([CALM, outcome])).toMatch(words);
    expect(verdict([outcome])).toMatch(/^lmdb \(--store lmdb --seed 7\):\n(?:.|\n)*FAILED: lmdb\.$/);
  });
});

describe("the judge of chaos", () => {
  const KEY = { scope: "alpaca", key: "order-1" };
  const effect = { ...KEY, id: "e1", kind: "payment", details: { arrival: "a1" } } as const;
  const requests = [{ ...KEY, id: "q1", owed: "yes" }] as const;
  const answers = [{ request: "q1", arrival: "a1", status: 201, body: "{}", effect: "e1" }] as const;
  const settled: Standing = { clients: [{ requests, answers }], effects: [effect], store: { done: [KEY], listed: [] } };
  const ruleNames = (...standings: readonly [Standing, Standing]) => judge(...standings).map(({ rule }) => rule);

  it("finds nothing where a key is done, or listed as unknown and then done", () => {
    expect(judge(settled, settled)).toEqual([]);
    expect(judge({ ...settled, store: { done: [], listed: [KEY] } }, settled)).toEqual([]);
    expect(isSettled(KEY, settled.store)).toBe(true);
    expect(isSettled({ ...KEY, scope: "bison" }, settled.store)).toBe(false);
  });

  it("finds a key lost that was free at rest, though the same answer came when it was sent again", () => {
    expect(ruleNames({ ...settled, store: { done: [], listed: [] } }, settled)).toEqual(["key-is-settled"]);
  });

  it("asks no answer of a request before it was sent again, and every one after", () => {
    const unanswered = { ...settled, clients: [{ requests, answers: [] }] };
    expect(ruleNames(unanswered, settled)).toEqual([]);
    expect(ruleNames(settled, unanswered)).toEqual(["request-is-answered"]);
  });

  it("finds a caller's mark in another one's answer", () => {
    const foreign = answers.map((answer) => ({ ...answer, head: "X-Mark: mark-of-bison" }));
    expect(ruleNames(settled, { ...settled, clients: [{ requests, answers: foreign }] })).toEqual(["no-foreign-byte"]);
  });
});

describe("what is counted of claims", () => {
  it("is each run that was open when its worker was struck, or that was begun before the fault was over", () => {
    const claims = createClaims(2);
    claims.hear(0, "claim t1");
    claims.hear(0, "over t1");
    claims.hear(0, "claim t2");
    claims.hear(1, "claim t3");
    claims.struck([0]);
    claims.hear(0, "claim t4");
    claims.struck([0]);
    expect(claims.struckCount()).toBe(2);
    claims.forget(1);
    expect(claims.struckCount()).toBe(3);
  });
});

describe("the deck of faults", () => {
  it("comes in the same order for the same seed, and holds each fault that the store has", () => {
    const drawn = [1, 1, 2].map((seed) => {
      const draw = faultDeck(random(seed), (fault) => fault !== "store hung");
      return Array.from({ length: 9 }, () => draw(() => true));
    });
    expect(drawn[1]).toEqual(drawn[0]);
    expect(drawn[2]).not.toEqual(drawn[0]);
    expect(new Set(drawn[0])).toEqual(
      new Set(FAULT_NAMES.filter((fault) => fault !== "store hung" && fault !== "all killed")),
    );
  });

  it("keeps what is not possible now for later, and draws nothing where nothing is", () => {
    const draw = faultDeck(random(1), () => true);
    const early = Array.from({ length: 5 }, () => draw((fault) => !fault.startsWith("worker")));
    expect(early.filter((fault) => fault?.startsWith("worker"))).toEqual([]);
    expect(draw((fault) => fault === "worker paused")).toBe("worker paused");
    expect(draw(() => false)).toBeUndefined();
  });
});

describe("the flags of chaos", () => {
  it("name stores, seconds and seed, and all stores for 25 s where they do not", () => {
    expect(parseFlags(["--store", "redis", "--store", "lmdb", "--seconds", "5", "--seed", "7"])).toEqual({
      outcome: "chaos",
      flags: { stores: ["redis", "lmdb"], seconds: 5, seed: 7 },
    });
    const stores = Object.keys(TARGETS);
    expect(parseFlags([])).toMatchObject({ outcome: "chaos", flags: { stores, seconds: 25 } });
    expect(parseFlags(["--store", "all"])).toMatchObject({ flags: { stores } });
    expect(parseFlags(["--help"])).toEqual({ outcome: "help" });
  });

  it.each([
    [["--store", "etcd"], /^--store must be one of lmdb, redis, .* or all, got "etcd"$/],
    [["--seconds", "-1"], /seconds/],
    [["--seed", "x"], /^--seed must be a whole number from 0 to 4294967295, got "x"$/],
    [["--fast"], /--fast/],
  ])("are refused where they are wrong: %s", (args, message) => {
    expect(parseFlags(args)).toMatchObject({ outcome: "wrong", message: expect.stringMatching(message) });
  });
});
