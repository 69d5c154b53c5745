/** One arrival of a key: from its header to the question who, in this process, asks the store about it. */

import { within } from "./background.js";
import { claim } from "./claim.js";
import { LONGEST_WAIT_MS } from "./decide.js";
import type { RequestFacts } from "./facts.js";
import { fingerprintOf } from "./fingerprint.js";
import type { Flight } from "./flight.js";
import { parseKey } from "./key.js";
import type { MaybePromise } from "./platform.js";
import type { ProblemDetail } from "./problem.js";
import { SHARED_SCOPE, scopeParts, storeKey } from "./scope.js";
import { type Arrival, inFlight, type MountContext, refuse, replay, type Verdict } from "./verdict.js";

const PASS: Verdict = { action: "pass" };

/** Judges one arrival. Rejects only with what the application's own `scope` or `fingerprint` function threw. */
export function attempt<Request>(mount: MountContext<Request>, facts: RequestFacts<Request>): MaybePromise<Verdict> {
  const { shell, settings } = mount;
  if (!settings.methods.has(facts.method)) return PASS;
  const found = parseKey(facts.header(settings.keyHeader.toLowerCase()));
  switch (found.outcome) {
    case "absent":
      return settings.required ? refuse(shell, "key-missing", missing(settings.keyHeader)) : PASS;
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

/** Finds out whose key it is and what it stands for; nothing is asked of the store before that is clear. */
async function identify<Request>(
  mount: MountContext<Request>,
  facts: RequestFacts<Request>,
  idempotencyKey: string,
): Promise<Verdict> {
  const { shell, settings } = mount;
  const { sha256 } = shell.platform;
  const scope = settings.scope === SHARED_SCOPE ? [] : scopeParts(await settings.scope(facts.request));
  if (scope === undefined) return refuse(shell, "scope-missing");
  const made = await fingerprintOf(facts, settings.fingerprint, settings.maxBodyBytes, sha256);
  if (made.outcome === "refused") return refuse(shell, made.code, { detail: made.detail });
  const key = await storeKey(sha256, shell.service, scope, idempotencyKey);
  const deadlineMs = shell.platform.monotonicMs() + LONGEST_WAIT_MS;
  return contend(mount, { facts, idempotencyKey, key, fingerprint: made.fingerprint, deadlineMs });
}

/** Looks into the cache, follows whoever leads, or leads; again, where what it followed came to nothing. */
async function contend<Request>(mount: MountContext<Request>, arrival: Arrival<Request>): Promise<Verdict> {
  const { cache, flights, platform } = mount.shell;
  for (;;) {
    const cached = cache.get(arrival.key, platform.monotonicMs());
    if (cached !== undefined) return replay(mount.shell, arrival, cached.record, "cache", cached.replay);
    const flight = flights.get(arrival.key);
    if (flight === undefined) return lead(mount, arrival);
    const verdict = await follow(mount, arrival, flight);
    if (verdict !== "again") return verdict;
  }
}

/** Shares what the leader of the flight finds out. */
async function follow<Request>(
  { shell, settings }: MountContext<Request>,
  arrival: Arrival<Request>,
  flight: Flight,
): Promise<Verdict | "again"> {
  const leftMs = () => arrival.deadlineMs - shell.platform.monotonicMs();
  const stage = await within(shell.platform, flight.claimed, leftMs());
  if (stage === undefined) return inFlight(shell, arrival.key, flight.leaseLeftMs);
  if (stage !== "over") {
    if (flight.fingerprint !== arrival.fingerprint) return refuse(shell, "key-reused", {}, arrival.key);
    if (settings.inFlight === "reject") return inFlight(shell, arrival.key, flight.leaseLeftMs);
  }
  const landing = await within(shell.platform, flight.landed, leftMs());
  switch (landing?.outcome) {
    case undefined:
      return inFlight(shell, arrival.key, flight.leaseLeftMs);
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
