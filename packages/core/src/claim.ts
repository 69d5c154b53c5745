/**
 * The leader's way through the store: acquire, and whatever its answer leads to, until there is a verdict. What an
 * answer of the store means is decided in decide.ts.
 */

import { sleep } from "./background.js";
import { decide, LONGEST_WAIT_MS, pauseMs } from "./decide.js";
import { codeOf, OnceoverError } from "./error.js";
import { keyDigest } from "./event.js";
import type { Flight } from "./flight.js";
import { giveBack } from "./give-back.js";
import { startRun } from "./handler-run.js";
import type { MountSettings } from "./options.js";
import type { ProblemCode, ProblemDetail } from "./problem.js";
import { encodeRecord, type RunRecord } from "./record.js";
import { askRecover, recoveredRecord } from "./recover.js";
import type { Claim } from "./run.js";
import { runOver } from "./run-over.js";
import { ask } from "./shell.js";
import { standIn } from "./stand-in.js";
import type { Acquired, AcquireRequest, Begun, OwnerToken, Store, UnknownRecord } from "./store.js";
import { type Arrival, inFlight, type MountContext, refuse, replay, type Verdict } from "./verdict.js";

/** One acquire: what it is to do with an unknown record, and, once recovered, the answer to record instead of running. */
interface Plan {
  /** A claim whose lease ended before the store's answer came, and how often it has been made. */
  readonly late?: { readonly token: OwnerToken; readonly claims: number };
  readonly takeOver?: AcquireRequest["takeOver"];
  readonly recovered?: RunRecord;
}

/** A store that takes longer than a lease this many times in a row is no store to run on. */
const MOST_LATE_CLAIMS = 5;

/** Finds the verdict for the leader of a flight, and lands the flight unless a run goes on in it. */
export async function claim<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
): Promise<Verdict> {
  const checking = mount.gate.check();
  const unfit = checking === undefined ? undefined : await checking;
  if (unfit !== undefined) return storeDown(mount, arrival, flight, unfit);
  // With transactions no run of this route is ever unknown: what is, was left by another kind of route.
  const { effects, transactional } = mount.settings;
  let plan: Plan = effects === "repeatable" && !transactional ? { takeOver: true } : {};
  for (;;) {
    const next = await acquireOnce(mount, arrival, flight, plan);
    if ("action" in next) return next;
    plan = next;
  }
}

/** One acquire and what follows from it: a verdict, or the plan of the next acquire. */
async function acquireOnce<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  plan: Plan,
): Promise<Verdict | Plan> {
  const { shell, settings } = mount;
  const { key, fingerprint } = arrival;
  const { takeOver } = plan;
  const token = plan.late?.token ?? shell.platform.token();
  const sentAtMs = shell.platform.monotonicMs();
  flight.sign();
  const request = { key, token, fingerprint, leaseMs: settings.leaseMs, retentionMs: settings.retentionMs };
  const waitMs = transactionWaitMs(settings, arrival.deadlineMs - sentAtMs, plan);
  // If we die here, the key may be claimed though nothing ran: it becomes unknown when the lease ends.
  const asked = await ask(shell, "acquire", key, (store) =>
    acquireIn(store, takeOver === undefined ? request : { ...request, takeOver }, waitMs),
  );
  if (asked.outcome === "failed") return acquireFailed(mount, arrival, flight, token, plan, asked.error);
  const decision = decide(asked.value, fingerprint);
  switch (decision.action) {
    case "run":
      if (plan.recovered !== undefined) return recordRecovered(mount, arrival, flight, token, plan.recovered);
      if (decision.transaction === undefined && shell.platform.monotonicMs() - sentAtMs >= settings.leaseMs) {
        return claimAgain(mount, arrival, flight, token, plan);
      }
      return run(mount, arrival, flight, decision, token, sentAtMs);
    case "replay":
      return landReplay(mount, arrival, flight, decision.record);
    case "refuse":
      return landRefusal(mount, arrival, flight, decision.code);
    case "wait":
      return (await waitElsewhere(mount, arrival, flight, decision.leaseLeftMs)) ?? plan;
    case "recover":
      return recover(mount, arrival, flight, decision.unknown);
    // no default
  }
}

/** How long to wait for another transaction of the key; `undefined` outside of any: a recovered effect has happened already. */
function transactionWaitMs(
  { transactional, inFlight }: Pick<MountSettings<never>, "transactional" | "inFlight">,
  leftMs: number,
  { recovered }: Plan,
): number | undefined {
  if (!transactional || recovered !== undefined) return undefined;
  return inFlight === "reject" ? 0 : Math.max(0, leftMs);
}

function acquireIn(store: Store, request: AcquireRequest, waitMs: number | undefined): Promise<Acquired | Begun> {
  return (waitMs === undefined ? undefined : store.begin?.(request, waitMs)) ?? store.acquire(request);
}

/** This process was paused, or the store is slow: others may have been told meanwhile that the outcome is unknown. */
function claimAgain<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  token: OwnerToken,
  plan: Plan,
): Verdict | Plan {
  const claims = 1 + (plan.late?.claims ?? 0);
  if (claims < MOST_LATE_CLAIMS) return { ...plan, late: { token, claims } };
  const slow = new OnceoverError("store-unavailable", "the store takes longer than a lease");
  return acquireFailed(mount, arrival, flight, token, plan, slow);
}

function run<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  { fence, attempt, transaction }: Pick<Claim, "fence" | "attempt" | "transaction">,
  token: OwnerToken,
  sentAtMs: number | undefined,
): Verdict {
  const { shell, settings } = mount;
  const { key, fingerprint, idempotencyKey } = arrival;
  flight.leaseLeftMs = settings.leaseMs;
  flight.claim("here");
  // Spelled out: spreading objects of many kinds is slow, and this is part of every first request.
  const context = { shell, settings, flight, standIn: () => standIn(mount, arrival) };
  const claim = { key, token, fence, attempt, fingerprint, idempotencyKey, sentAtMs, transaction };
  return { action: "run", run: startRun(context, claim) };
}

function landReplay<Request>(
  { shell, settings }: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  record: RunRecord,
): Verdict {
  const cached = shell.cache.set(arrival.key, record, shell.platform.monotonicMs(), settings.retentionMs);
  flight.land({ outcome: "answer", record });
  return replay(shell, arrival, record, "store", cached.replay);
}

/** A refusal for this payload says nothing about the followers' payloads; one for the store does. */
function landRefusal<Request>(
  { shell }: MountContext<Request>,
  { key }: Arrival<Request>,
  flight: Flight,
  code: ProblemCode,
  detail: ProblemDetail = {},
): Verdict {
  flight.land(code === "key-reused" ? { outcome: "again" } : { outcome: "refused", code, detail });
  return refuse(shell, code, detail, key);
}

/** Waits until the run in another process ends, or answers 409 where that is wanted, takes too long, or too many do. */
async function waitElsewhere<Request>(
  { shell, settings }: MountContext<Request>,
  { key, scope, deadlineMs }: Arrival<Request>,
  flight: Flight,
  leaseLeftMs: number,
): Promise<Verdict | undefined> {
  flight.leaseLeftMs = leaseLeftMs;
  flight.claim("elsewhere");
  const isLate = shell.platform.monotonicMs() >= deadlineMs;
  const leave = settings.inFlight === "reject" || isLate ? undefined : shell.waiters.enter(key, scope, settings);
  if (leave === undefined) {
    flight.land({ outcome: "again" });
    return inFlight(shell, key, leaseLeftMs);
  }
  // What a transaction has claimed, nobody can look at; whoever begins another one waits for it, in the store.
  if (settings.transactional) await sleep(shell.platform, pauseMs(0, deadlineMs - shell.platform.monotonicMs()));
  else await runOver(shell, key, deadlineMs, flight);
  leave();
  return undefined;
}

async function recover<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  unknown: UnknownRecord,
): Promise<Verdict | Plan> {
  const { shell, settings } = mount;
  flight.claim("elsewhere");
  // The application may take its time.
  flight.sign(LONGEST_WAIT_MS);
  const isLate = shell.platform.monotonicMs() >= arrival.deadlineMs;
  const recovered = await askRecover(shell, isLate ? undefined : settings.recover, arrival, unknown);
  switch (recovered.outcome) {
    case "unknown":
      return landRefusal(mount, arrival, flight, "outcome-unknown");
    case "rerun":
      return { takeOver: unknown.fence };
    case "done":
      return {
        takeOver: unknown.fence,
        recovered: recoveredRecord(shell, settings, arrival.fingerprint, recovered.response),
      };
    // no default
  }
}

/** Records what `recover` found out, on a claim taken for that alone. */
async function recordRecovered<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  token: OwnerToken,
  record: RunRecord,
): Promise<Verdict> {
  const { shell, settings } = mount;
  const bytes = encodeRecord(record);
  // If we die here, the outcome is unknown once more, and will be asked for again.
  const asked = await ask(shell, "complete", arrival.key, (store) =>
    store.complete(arrival.key, token, bytes, settings.retentionMs),
  );
  if (asked.outcome === "answered" && asked.value === "ok") return landReplay(mount, arrival, flight, record);
  return landRefusal(mount, arrival, flight, "outcome-unknown");
}

/**
 * A claim that failed may have been made all the same, so it is given back unless the handler runs on it. One that was to
 * settle an unknown outcome is not: given back, the key would run again whatever `recover` had found out.
 */
function acquireFailed<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  token: OwnerToken,
  plan: Plan,
  error: unknown,
): Verdict {
  if (typeof plan.takeOver === "number") return landRefusal(mount, arrival, flight, "outcome-unknown");
  const code = refusalOf(error);
  if (code !== "store-unavailable") return landRefusal(mount, arrival, flight, code);
  const { onStoreDown, transactional } = mount.settings;
  // Nobody waits for it, and it never rejects. A transaction that could not be begun has claimed nothing.
  if (onStoreDown === "refuse" && !transactional) void giveBack(mount.shell, arrival.key, token, ["ok"]);
  return storeDown(mount, arrival, flight, code, token);
}

const CERTAIN = ["store-full", "record-unreadable", "store-unfit"] as const;

/** What is known for certain to have claimed nothing is no outage, and nothing to run past. */
function refusalOf(error: unknown): (typeof CERTAIN)[number] | "store-unavailable" {
  const code = codeOf(error);
  return CERTAIN.find((known) => known === code) ?? "store-unavailable";
}

/** A store that is down refuses the request, unless the route would rather run twice than not at all. */
function storeDown<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  code: "store-unavailable" | "store-unfit",
  token: OwnerToken = mount.shell.platform.token(),
): Verdict {
  if (mount.settings.onStoreDown === "refuse" || code === "store-unfit") {
    return landRefusal(mount, arrival, flight, code, { retryAfterSeconds: 1 });
  }
  mount.shell.emit({ type: "ran-unrecorded", keyDigest: keyDigest(arrival.key) });
  return run(mount, arrival, flight, { fence: 0, attempt: 1 }, token, undefined);
}
