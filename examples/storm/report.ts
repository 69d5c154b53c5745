import { RULES, type RuleName } from "@onceover/test/history";
import type { Build } from "../payments-service/build.js";
import type { Flags } from "./flags.js";
import type { RestartJudgement } from "./restart.js";
import type { Standing } from "./storm.js";
import { sum } from "./tally.js";

/** The line that moves while a storm goes on. */
export function progressLine({ plannedKeys, tookMs, tally, judgement }: Standing): string {
  const { accepted, duplicates, broken, wrongRevisions } = judgement;
  return [
    `${(tookMs / 1000).toFixed(0).padStart(3)} s`,
    `keys ${figure(accepted)}/${figure(plannedKeys)}`,
    `effects twice ${broken["one-effect-per-key"]}`,
    `wrong revision ${wrongRevisions}`,
    `requests ${figure(tally.requests)}`,
    `duplicates ${figure(duplicates)}`,
    `kills ${tally.kills}`,
    `pauses ${tally.pauses}`,
    `unknown ${tally.unknowns.size}`,
  ].join(" · ");
}

/** What a storm is about to do. */
export function opening({ keys, webhooks, duplicates, seed }: Flags, builds: readonly Build[], store: string): string {
  return `${figure(keys)} payments and ${figure(webhooks)} webhooks, each sent again ${duplicates} times, to two workers each
of ${builds.map(described).join(" and ")}, which share ${store} (--seed ${seed})`;
}

function described({ revision, accepts, indexHash }: Build): string {
  return `${revision} (schema ${accepts.join(" or ")}, index ${indexHash})`;
}

/** The table at the end. */
export function table(standing: Standing): string {
  const rows = rowsOf(standing);
  const [nameWidth, valueWidth] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map(([name, value, remark]) =>
    `  ${name.padEnd(nameWidth ?? 0)}  ${value.padStart(valueWidth ?? 0)}  ${remark}`.trimEnd(),
  );
  return [...lines, "", MEANING].join("\n");
}

/** Whether all that was promised held; `restart` as far as it was come to. */
export function hasPassed({ judgement, restart }: Pick<Standing, "judgement" | "restart">): boolean {
  return judgement.passed && (restart === undefined || restart.wrong.length === 0);
}

/** The last line; before it, where something is wrong, the first few things that are. */
export function verdict({ judgement, restart }: Pick<Standing, "judgement" | "restart">): string {
  if (hasPassed({ judgement, restart }))
    return "PASSED: every key took effect once, and every duplicate got its answer.";
  const { broken, duplicates, hits, wrongRevisions } = judgement;
  const misses = duplicates - hits;
  const rules = (Object.keys(RULES) as RuleName[]).filter((rule) => broken[rule] > 0);
  const parts = rules.map((rule) => `${figure(broken[rule])} ${RULES[rule]}`);
  if (wrongRevisions > 0) parts.push(`${figure(wrongRevisions)} answers by a wrong revision`);
  if (misses > 0) parts.push(`${figure(misses)} duplicates that were no hit`);
  const wrong = restart?.wrong ?? [];
  if (wrong.length > 0) parts.push(`${figure(wrong.length)} things wrong about the restart`);
  const evidence = [...judgement.evidence, ...wrong.slice(0, MOST_EVIDENCE)];
  return [...evidence.map((line) => `  ${line}`), `FAILED: ${parts.join(", ")}.`].join("\n");
}

const MEANING = `A duplicate is a request sent again under its key, and tried again until it has a final answer. It is a hit if that answer
is the first final answer of its key, byte for byte, and no further effect of the key stands in the ledger.`;

const MOST_EVIDENCE = 5;

type Row = readonly [name: string, value: string, remark: string];

function rowsOf({ plannedKeys, tookMs, tally, resent, judgement, restart }: Standing): Row[] {
  const { accepted, duplicates, hits, broken } = judgement;
  const tries = (what: string) => figure(tally.tries.get(what) ?? 0);
  const divergent = broken["final-answers-equal"] + broken["answer-is-ones-own"];
  return [
    ["requests", figure(tally.requests), `in ${(tookMs / 1000).toFixed(1)} s`],
    ["accepted keys", figure(accepted), `of ${figure(plannedKeys)}`],
    ["duplicates sent", figure(duplicates), listed(tally.moments)],
    ["dedupe hits", figure(hits), `${percent(hits, duplicates)} of the duplicates`],
    ["duplicate effects", figure(broken["one-effect-per-key"]), "counted in the ledger that the effects write"],
    ["lost keys", figure(judgement.lostKeys), "accepted, and no effect in the ledger"],
    ["divergent answers", figure(divergent), "unlike the first one of their key, or about another key"],
    ["requests routed", figure(tally.routed), "to the other revision, by the one they met"],
    [
      "refused as behind",
      tries("412 backend-behind"),
      "asked for a schema that is not there yet; then for what there is",
    ],
    ["refused as old", tries("412 client-behind"), "asked for a schema that is gone; then for what there is"],
    [
      "by a wrong revision",
      figure(judgement.wrongRevisions),
      "by what the handler wrote into the answer: revision, schema, index",
    ],
    ["unknown outcomes", figure(tally.unknowns.size), unknowns(tally.unknowns)],
    ["kills", figure(tally.kills), "SIGKILL"],
    ["pauses", figure(tally.pauses), "SIGSTOP, for longer than a lease"],
    ...restartRows(restart),
    ["left by the client", figure(sum(tally.left)), listed(tally.left)],
    ["tried again", figure(sum(tally.tries)), listed(tally.tries)],
    ["sent twice by the front", figure(resent), "to the other worker, unasked"],
    ["first runs", figure(tally.ranMs.length), latency(tally.ranMs)],
    ["replays", figure(tally.replayedMs.length), latency(tally.replayedMs)],
  ];
}

/** Nothing where the storm was broken off before. */
function restartRows(restart: RestartJudgement | undefined): Row[] {
  if (restart === undefined) return [];
  const { workers, streams, answered, refused, lost, clean, exitedWell, whole, takenUp } = restart;
  return [
    ["workers restarted", figure(workers), "SIGTERM, one after the other, with streams open"],
    ["streams finished", figure(streams.finished), `on the way out; clients read ${figure(whole)} whole meanwhile`],
    ["streams handed off", figure(streams["handed-off"]), `feeds; ${figure(takenUp)} times another worker went on`],
    ["streams cut", figure(streams.cut), "at the end of a worker's time, by its report"],
    ["requests lost", figure(lost), `by workers that left; ${figure(answered)} answered, ${figure(refused)} refused`],
    ["clean reports", figure(clean), `of ${figure(workers)}; ${figure(exitedWell)} workers ended with exit code 0`],
  ];
}

function unknowns(settled: ReadonlyMap<string, "done" | "rerun" | "unknown">): string {
  const count = (what: string) => [...settled.values()].filter((each) => each === what).length;
  return `recover: ${count("done")} had happened · ${count("rerun")} had not, run again · ${count("unknown")} paused, ended by themselves`;
}

function listed(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  return sorted.map(([name, count]) => `${name} ${figure(count)}`).join(" · ");
}

function latency(tookMs: readonly number[]): string {
  const sorted = tookMs.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const [p50, p99] = [at(0.5), at(0.99)];
  return p50 === undefined || p99 === undefined ? "" : `p50 ${p50.toFixed(1)} ms · p99 ${p99.toFixed(1)} ms`;
}

/** Never rounded up to 100: that is said of all alone. */
function percent(part: number, whole: number): string {
  if (whole === 0) return "none";
  return part === whole ? "100 %" : `${Math.min(99.99, (100 * part) / whole).toFixed(2)} %`;
}

function figure(count: number): string {
  return count.toLocaleString("en-US");
}
