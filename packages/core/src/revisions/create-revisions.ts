import { OnceoverError } from "@onceover/core";
import { refuseArrivals } from "../drain/refuse-arrival.js";
import { durationMs } from "../duration.js";
import type { PinGround, Pins } from "../pinned.js";
import { after, type MaybePromise } from "../platform.js";
import { show } from "../show.js";
import { type Announcer, createAnnouncer } from "./announcer.js";
import { createGranting } from "./granting.js";
import type { PinKeys } from "./pin-keys.js";
import { PIN_HEADER, PIN_PARAMETER, withoutParameter } from "./revision-pin.js";
import { checkRevisions, type RevisionsOptions } from "./revisions-options.js";
import { DRAINING, type InstanceAnnounced, ids, isRevisionId, type Roster } from "./roster.js";
import type { Revisions, Router, SelfPins } from "./router.js";
import { createRouting } from "./routing.js";
import { type FoundRevision, type Seeker, seekRevision, seekServing } from "./seek.js";
import { type SteeringGround, steer } from "./steering.js";

/** Counters and rulings outlive every pin. */
const RULING_KEPT_MS = 30 * 24 * 3_600_000;

/**
 * Lets several revisions of a service stand side by side: each is announced in a registry, requests are sent to the one that
 * matches their pins, and whoever began with one stays with it. Given to `pins()`, for one instance.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * pins({
 *   writes: { indexHash },
 *   revisions: revisions({
 *     registry: redisRegistry({ client }),
 *     keys: createPinKeys({ service: "search", keys: [{ id: "2026-11", secret: process.env.PIN_SECRET }] }),
 *     address: `http://${process.env.POD_IP}:8080`,
 *     addresses: (url) => url.port === "8080" && url.hostname.startsWith("10.0."),
 *     forwarder: nodeForward(),
 *   }),
 * });
 */
export function revisions(options: RevisionsOptions): Revisions {
  checkRevisions(options);
  let isAttached = false;
  return {
    attach(ground, self) {
      if (isAttached) throw new TypeError("revisions() was given to an instance already; make one for each");
      if (!isRevisionId(ground.revision)) {
        throw new TypeError(
          `revision must be 1 to 60 of [0-9A-Za-z._-] with revisions, got ${JSON.stringify(ground.revision)}`,
        );
      }
      isAttached = true;
      return createRouter(options, ground, self);
    },
  };
}

function createRouter(options: RevisionsOptions, ground: PinGround, self: SelfPins): Router {
  const { keys, cookie = true, deploymentId = false, override, announceOnRequest = false, release } = options;
  const { platform, revision } = ground;
  const announcer = announcerOf(options, ground, self);
  const pinLifetimeMs = durationMs(options.pinLifetime ?? "1h") ?? 0;
  const steering: SteeringGround = {
    revision,
    release,
    isCanary: options.canary ?? false,
    keys,
    override,
    deploymentId,
    hasCookie: cookie,
    renewBelowMs: pinLifetimeMs / 2,
    epochMs: platform.epochMs,
    roster: announcer.roster,
    emit: ground.emit,
  };
  const granting = createGranting({
    revision,
    keys,
    gives: options.givePins ?? "streams",
    hasCookie: cookie && keys !== undefined,
    pinLifetimeMs,
    livesUntilMs: options.livesUntil?.getTime() ?? Number.POSITIVE_INFINITY,
    epochMs: platform.epochMs,
    // Who was given one now would keep the revision from ever being empty.
    epoch: () => (announcer.isDraining ? undefined : announcer.epoch()),
  });
  return {
    varies: variesOf(options),
    lines: release === undefined ? [] : [["Release", release]],
    plainTarget: (target) => plainTarget(options, target),
    steer: (facts) => steer(steering, facts),
    seek: (asked) => seekAmong(announcer, { revision, instance: announcer.instance }, asked),
    get refuse() {
      return announcer.isDraining ? REFUSE : undefined;
    },
    seekServing: (asked) => servingAmong(announcer, asked, { revision, instance: announcer.instance }),
    ...createRouting(options, ground, announcer),
    update: announcer.update,
    grant: granting.lines,
    arrive() {
      const beating = announceOnRequest ? announcer.beatIfDue() : undefined;
      return keys === undefined ? beating : both(beating, () => both(announcer.begun(), granting.prepare));
    },
    announce: announcer.announce,
    ...ruling(options, announcer, platform.epochMs),
  };
}

/** How long the client of an event stream waits before it comes again, in milliseconds. */
const RECONNECT_MS = 1000;

const REFUSE = refuseArrivals(RECONNECT_MS);

/** Looks once more, into a list that is recent, before it finds nobody: a revision may have come a moment ago. */
function seekAmong(announcer: Announcer, self: Seeker, asked: Pins): ReturnType<Router["seek"]> {
  return after(announcer.roster(), (roster) => {
    const found = soughtIn(roster, self, asked);
    return found.sought === "live"
      ? found
      : after(announcer.roster("recent"), (recent) => soughtIn(recent, self, asked));
  });
}

/** The same for somebody who is serving. */
function servingAmong(announcer: Announcer, asked: Pins, self: Seeker): MaybePromise<FoundRevision | undefined> {
  const servingIn = (roster: Roster | undefined) => roster && seekServing(roster, self, asked);
  return after(announcer.roster(), (roster) => servingIn(roster) ?? after(announcer.roster("recent"), servingIn));
}

function soughtIn(roster: Roster | undefined, self: Seeker, asked: Pins): ReturnType<typeof seekRevision> {
  return roster === undefined ? { sought: "unknown" } : seekRevision(roster, self, asked);
}

/** One after the other, without waiting where there is nothing to wait for. */
function both(first: MaybePromise<void>, second: () => MaybePromise<void>): MaybePromise<void> {
  return first === undefined ? second() : after(first, second);
}

function announcerOf(options: RevisionsOptions, ground: PinGround, self: SelfPins): Announcer {
  const { registry, instance, address, publicAddress, release, canary = false, heartbeatMs = 5000 } = options;
  return createAnnouncer(ground, self, { registry, instance, address, publicAddress, release, canary, heartbeatMs });
}

/** By these fields of a request its answer may differ. */
function variesOf({ keys, cookie = true, override, deploymentId = false }: RevisionsOptions): string[] {
  const varies = keys === undefined ? [] : [PIN_HEADER];
  if (override !== undefined) varies.push("X-Release", "X-Canary");
  if (deploymentId) varies.push("X-Deployment-Id");
  if (deploymentId || (keys !== undefined && cookie)) varies.push("Cookie");
  return varies;
}

function plainTarget({ keys, deploymentId = false }: RevisionsOptions, target: string): string {
  const unpinned = keys === undefined ? target : withoutParameter(target, PIN_PARAMETER);
  return deploymentId ? withoutParameter(unpinned, "dpl") : unpinned;
}

/** What an operator, or a rollout, says about revisions. */
function ruling(
  { registry, keys }: RevisionsOptions,
  announcer: Announcer,
  epochMs: () => number,
): Pick<Router, "revoke" | "setFloor" | "dismiss" | "drain" | "serve" | "sign"> {
  return {
    async revoke(revision) {
      await registry.count(await announcer.service(), ids.epoch(idOf(revision)), RULING_KEPT_MS);
      await announcer.refresh();
    },
    async setFloor(revision) {
      await registry.write(await announcer.service(), ids.floor, idOf(revision), RULING_KEPT_MS);
      await announcer.refresh();
    },
    async drain(revision) {
      await registry.write(await announcer.service(), ids.draining(idOf(revision)), DRAINING, RULING_KEPT_MS);
      await announcer.refresh();
    },
    async serve(revision) {
      await registry.remove(await announcer.service(), ids.draining(idOf(revision)));
      await announcer.refresh();
    },
    async dismiss(revision) {
      const service = await announcer.service();
      for (const id of await silentInstances(registry, service, idOf(revision))) await registry.remove(service, id);
      await announcer.refresh();
    },
    async sign(kind, revision, lifetimeMs) {
      const signer = signerOf(keys);
      if (!Number.isSafeInteger(lifetimeMs) || lifetimeMs <= 0) {
        throw new TypeError(`lifetimeMs must be a positive whole number of milliseconds, got ${show(lifetimeMs)}`);
      }
      const { epochs } = await announcer.refresh();
      const expiresAtMs = epochMs() + lifetimeMs;
      return signer.sign({ kind, revision: idOf(revision), epoch: epochs.get(revision) ?? 0, expiresAtMs });
    },
  };
}

async function silentInstances(
  registry: RevisionsOptions["registry"],
  service: string,
  revision: string,
): Promise<string[]> {
  const entries = await registry.list(service);
  return entries
    .filter(({ id, text, ageMs }) => id.startsWith("i.") && isSilent(text, ageMs, revision))
    .map(({ id }) => id);
}

function isSilent(text: string, ageMs: number, revision: string): boolean {
  const announced: Partial<InstanceAnnounced> = JSON.parse(text);
  return announced.revision === revision && ageMs > (announced.silentAfterMs ?? 0);
}

function idOf(revision: string): string {
  if (isRevisionId(revision)) return revision;
  throw new TypeError(`revision must be 1 to 60 of [0-9A-Za-z._-], got ${JSON.stringify(revision)}`);
}

function signerOf(keys: PinKeys | undefined): PinKeys {
  if (keys !== undefined) return keys;
  throw new OnceoverError("misuse", "revisions() was given no keys");
}
