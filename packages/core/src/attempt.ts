/** One arrival of a key: from its header to the question who, in this process, asks the store about it. */

import { claim } from "./claim.js";
import { decide, LONGEST_WAIT_MS } from "./decide.js";
import type { RequestFacts } from "./facts.js";
import { fingerprintOf } from "./fingerprint.js";
import type { Flight, Landing } from "./flight.js";
import { parseKey } from "./key.js";
import { after, type MaybePromise } from "./platform.js";
import type { ProblemDetail } from "./problem.js";
import { afterEvent } from "./resume.js";
import { SHARED_SCOPE, scopeParts, storeKey } from "./scope.js";
import { ask, type Shell } from "./shell.js";
import type { Found, StoreKey } from "./store.js";
import {
  type Arrival,
  answerFrom,
  inFlight,
  join,
  type MountContext,
  refuse,
  replay,
  type Verdict,
} from "./verdict.js";

const PASS: Verdict = { action: "pass" };

/** How long a leader that seems dead is waited for, in milliseconds: a process that was paused hears its timers first. */
const DOUBT_MS = 500;

/** Judges one arrival. Rejects only with what the application's own `scope` or `fingerprint` function threw. */
export function attempt<Request>(mount: MountContext<Request>, facts: RequestFacts<Request>): MaybePromise<Verdict> {
  const { shell, settings, otherwise = PASS } = mount;
  if (!settings.methods.has(facts.method)) return otherwise;
  const found = parseKey(facts.header(settings.keyHeader.toLowerCase()));
  switch (found.outcome) {
    case "absent":
      return settings.required ? refuse(shell, "key-missing", missing(settings.keyHeader)) : otherwise;
    case "invalid":
      return refuse(shell, "key-invalid", { detail: `The ${settings.keyHeader} is refused: ${found.reason}.` });
    case "key":
      return identify(mount, facts, found.key);
    // no default
  }
}

function missing(keyHeader: string): ProblemDetail {
  return { detail: `Send ${keyHeader}: one value for one intended effect, the same in each retry.` };
}

/** Finds out whose key it is; nothing is asked of the store before that is clear. What is known at once costs no turn of the event loop. */
function identify<Request>(
  mount: MountContext<Request>,
  facts: RequestFacts<Request>,
  idempotencyKey: string,
): MaybePromise<Verdict> {
  const { shell, settings, otherwise } = mount;
  const { sha256 } = shell.platform;
  try {
    return after(scopeOf(settings, facts.request), (scope) => {
      if (scope === undefined) return refuse(shell, "scope-missing");
      return after(storeKey(sha256, shell.service, scope, idempotencyKey), (key) => {
        const keyed = { facts, idempotencyKey, key, scope };
        const atHand = () => shell.cache.get(key, shell.platform.monotonicMs()) ?? shell.flights.get(key);
        if (otherwise === undefined || atHand() !== undefined) {
          return compare(mount, keyed);
        }
        // Whoever is to run elsewhere takes its body along: it is read only where there is something to compare it with.
        return look(shell, key, otherwise, (found) => compare(mount, keyed, found));
      });
    });
  } catch (error) {
    // A function of the application's own that throws at once is one that rejects.
    return Promise.reject(error);
  }
}

function scopeOf<Request>(
  { scope }: Pick<MountContext<Request>["settings"], "scope">,
  request: Request,
): MaybePromise<readonly string[] | undefined> {
  return scope === SHARED_SCOPE ? [] : after(scope(request), scopeParts);
}

/** Finds out what a request stands for, and compares it with what is `found` of its key, or is still to be. */
function compare<Request>(
  mount: MountContext<Request>,
  { facts, idempotencyKey, key, scope }: Pick<Arrival<Request>, "facts" | "idempotencyKey" | "key" | "scope">,
  found?: KnownRecord,
): MaybePromise<Verdict> {
  const { shell, settings } = mount;
  return after(fingerprintOf(facts, settings.fingerprint, settings.maxBodyBytes, shell.platform.sha256), (made) => {
    if (made.outcome === "refused") return refuse(shell, made.code, { detail: made.detail });
    const deadlineMs = shell.platform.monotonicMs() + LONGEST_WAIT_MS;
    const lastEventId = settings.resumeEvents ? (facts.header("last-event-id")[0] ?? "") : "";
    const { fingerprint } = made;
    const arrival = { facts, idempotencyKey, key, scope, fingerprint, deadlineMs, lastEventId };
    const verdict =
      found === undefined ? contend(mount, arrival) : answerFrom(shell, arrival, decide(found, fingerprint));
    return lastEventId === "" ? verdict : after(verdict, (contended) => resume(lastEventId, contended));
  });
}

/** Leaves out of an answer what the client has seen of it. */
function resume(lastEventId: string, verdict: Verdict): Verdict {
  if (verdict.action !== "answer") return verdict;
  const { answer } = verdict;
  return { action: "answer", answer: { ...answer, chunks: afterEvent(answer.headers, answer.chunks, lastEventId) } };
}

/** Looks into the cache, leads, or follows whoever leads; again, where what it followed came to nothing. */
function contend<Request>(mount: MountContext<Request>, arrival: Arrival<Request>): MaybePromise<Verdict> {
  const { cache, flights, platform } = mount.shell;
  const cached = cache.get(arrival.key, platform.monotonicMs());
  if (cached !== undefined) return replay(mount.shell, arrival, cached.record, "cache", cached.replay);
  const flight = flights.get(arrival.key);
  if (flight !== undefined) return followInTurn(mount, arrival, flight);
  const { shell, otherwise } = mount;
  if (otherwise === undefined) return lead(mount, arrival);
  return look(shell, arrival.key, otherwise, (found) => answerFrom(shell, arrival, decide(found, arrival.fingerprint)));
}

type KnownRecord = Exclude<Found, { outcome: "none" }>;

/** Goes on with what the store has of a key; where that is nothing, nothing begins. */
async function look(
  shell: Shell,
  key: StoreKey,
  otherwise: Verdict,
  go: (found: KnownRecord) => MaybePromise<Verdict>,
): Promise<Verdict> {
  const asked = await ask(shell, "read", key, (store) => store.read(key));
  if (asked.outcome === "failed") return refuse(shell, "store-unavailable", { retryAfterSeconds: 1 }, key);
  return asked.value.outcome === "none" ? otherwise : go(asked.value);
}

/** Follows, unless too many do already. */
async function followInTurn<Request>(
  mount: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
): Promise<Verdict> {
  const { shell, settings } = mount;
  const leave = shell.waiters.enter(arrival.key, arrival.scope, settings);
  if (leave === undefined) return inFlight(shell, arrival.key, flight.leaseLeftMs);
  const verdict = await follow(mount, arrival, flight, leave);
  // One who joined goes on holding its place until the stream is over.
  if (verdict === "again" || verdict.action !== "join") leave();
  return verdict === "again" ? await contend(mount, arrival) : verdict;
}

/** Shares what the leader of the flight finds out, as soon as there is something to share. */
async function follow<Request>(
  { shell, settings }: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
  leave: () => void,
): Promise<Verdict | "again"> {
  for (let isInDoubt = false; ; ) {
    if (flight.landing !== undefined) return share(shell, arrival, flight.landing);
    if (flight.stage !== undefined) {
      if (flight.fingerprint !== arrival.fingerprint) return refuse(shell, "key-reused", {}, arrival.key);
      if (settings.inFlight === "reject") return inFlight(shell, arrival.key, flight.leaseLeftMs);
    }
    const joined = join(shell, arrival, flight, leave);
    if (joined !== undefined) return joined;
    const leftMs = arrival.deadlineMs - shell.platform.monotonicMs();
    if (leftMs <= 0) return inFlight(shell, arrival.key, flight.leaseLeftMs);
    const isSilent = flight.silenceLeftMs <= 0;
    if (isSilent && isInDoubt) {
      flight.leave();
      return "again";
    }
    isInDoubt = isSilent;
    await flight.news(Math.min(leftMs, isSilent ? DOUBT_MS : flight.silenceLeftMs));
  }
}

function share<Request>(shell: Shell, arrival: Arrival<Request>, landing: Landing): Verdict | "again" {
  switch (landing.outcome) {
    case "answer":
      return replay(shell, arrival, landing.record, "run");
    case "refused":
      return refuse(shell, landing.code, landing.detail, arrival.key);
    case "again":
      return "again";
    // no default
  }
}

/** Contends for the key in the store, on behalf of all who follow. */
async function lead<Request>(mount: MountContext<Request>, arrival: Arrival<Request>): Promise<Verdict> {
  const flight = mount.shell.flights.open(arrival.key, arrival.fingerprint);
  try {
    return await claim(mount, arrival, flight);
  } catch (error) {
    flight.land({ outcome: "again" });
    throw error;
  }
}
