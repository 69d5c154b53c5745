/** An instance among the others: says that it is there, again and again, and learns who else is. */

import type { Announcing, PinGround } from "../pinned.js";
import { createReading, type Read, type Reading } from "../pins/reading.js";
import { after, type MaybePromise } from "../platform.js";
import type { RevisionRegistry } from "./registry.js";
import { type InstanceAnnounced, ids, type Roster, readRoster } from "./roster.js";
import type { SelfPins } from "./router.js";
import { windowMismatches } from "./window.js";

/** How an instance is announced. */
export interface AnnounceSettings {
  readonly registry: RevisionRegistry;
  readonly instance: string | undefined;
  readonly address: string | undefined;
  readonly publicAddress: string | undefined;
  readonly release: string | undefined;
  readonly canary: boolean;
  readonly heartbeatMs: number;
}

/** An instance and the registry it announces itself in. */
export interface Announcer {
  /** The id of this instance, once it was announced. */
  readonly instance: string | undefined;
  /** Announces the instance at once, where it is announced at all. Never rejects. */
  update(): Promise<void>;
  /** The registry's digest of the service. */
  service(): MaybePromise<string>;
  /** Who is there; `undefined` where the registry cannot be read. `recent` is no older than a request takes. */
  roster(how?: "recent"): MaybePromise<Roster | undefined>;
  /** The last that was read. */
  readonly latest: Roster | undefined;
  /** Reads anew. @throws {OnceoverError} `store-unavailable`. */
  refresh(): Promise<Roster>;
  /** Waits for the first reading, and for no later one. Never rejects. */
  begun(): MaybePromise<void>;
  /** Announces the instance once, and reads who is there, where the last time is long enough ago. Never rejects. */
  beatIfDue(): MaybePromise<void>;
  announce(): Promise<Announcing>;
  /** Whether this revision was told to let itself be drained, as far as is known: what was read last counts until more is. */
  readonly isDraining: boolean;
  /** The epoch of this revision when the instance began; `undefined` until that is known, and once it was raised. */
  epoch(): number | undefined;
}

const HOUR_MS = 3_600_000;
/** How long what an instance said is kept; no revision pin lives longer. */
export const INSTANCE_KEPT_MS = 24 * HOUR_MS;
const REVISION_KEPT_MS = 7 * INSTANCE_KEPT_MS;
/** After so many heartbeats that did not come an instance counts as silent. */
const MISSED_BEATS = 3;
/** Whoever is refused for want of a revision is refused by a list no older than this, in milliseconds. */
const RECENT_MS = 500;
/** The registry has a deadline of its own below it. */
const LONGEST_READING_MS = 5000;

/** Nothing is announced yet. */
export function createAnnouncer(ground: PinGround, self: SelfPins, settings: AnnounceSettings): Announcer {
  const { platform, emit, revision } = ground;
  const { registry, heartbeatMs } = settings;
  let digest: string | undefined;
  let instance: string | undefined;
  let state: InstanceAnnounced["state"] = "serving";
  let firstEpoch: number | undefined;
  let isDraining = false;
  let beatAtMs = Number.NEGATIVE_INFINITY;
  let revisionSaidAtMs = Number.NEGATIVE_INFINITY;
  let turn = Promise.resolve();
  const reading = rosterReading(ground, settings, service, (found) => {
    if (found.outcome === "unreadable") return emit({ type: "read-failed", what: "registry", error: found.error });
    firstEpoch ??= epochNow(found.value);
    // A reading that was overtaken knows less than the one that is kept.
    isDraining = (latest() ?? found.value).draining.has(revision);
  });

  function service(): MaybePromise<string> {
    return digest ?? after(platform.sha256(`registry\0${ground.service}`), (made) => (digest = made));
  }

  function epochNow({ epochs }: Roster): number {
    return epochs.get(revision) ?? 0;
  }

  async function say(): Promise<void> {
    const nowMs = platform.monotonicMs();
    beatAtMs = nowMs;
    // Not before it is needed: some platforms have no randomness outside of a request.
    instance ??= settings.instance ?? platform.token();
    const name = await service();
    if (nowMs - revisionSaidAtMs >= HOUR_MS) {
      const { writes, accepts } = self;
      const text = JSON.stringify({ writes, accepts, release: settings.release });
      await registry.write(name, ids.revision(revision), text, REVISION_KEPT_MS);
      revisionSaidAtMs = nowMs;
    }
    await registry.write(name, ids.instance(instance), JSON.stringify(announced()), INSTANCE_KEPT_MS);
  }

  function announced(): InstanceAnnounced {
    const { address, publicAddress, canary } = settings;
    const silentAfterMs = MISSED_BEATS * heartbeatMs;
    return { revision, state, address, publicAddress, canary, silentAfterMs, live: self.live() };
  }

  /** One after the other: what was said before must not arrive last. Not for requests, which share no promises. */
  function sayInTurn(): Promise<void> {
    const said = turn.then(say);
    turn = said.catch(() => {});
    return said;
  }

  async function beat(saying: () => Promise<void>): Promise<void> {
    try {
      await saying();
    } catch (error) {
      emit({ type: "announce-failed", error });
    }
  }

  function keepBeating(): () => void {
    let cancel = platform.timer(heartbeatMs, again);
    let isStopped = false;
    async function again(): Promise<void> {
      await beat(sayInTurn);
      // What was revoked meanwhile is known, whether requests come or not. Nobody waits for it, and it never rejects.
      void reading.refresh();
      if (!isStopped) cancel = platform.timer(heartbeatMs, () => void again());
    }
    return () => {
      isStopped = true;
      cancel();
    };
  }

  function latest(): Roster | undefined {
    return reading.latest === undefined ? undefined : known(reading.latest);
  }

  async function refresh(): Promise<Roster> {
    const read = await reading.refresh();
    if (read.outcome === "read") return read.value;
    throw read.error;
  }

  return {
    get instance() {
      return instance;
    },
    async update() {
      if (instance !== undefined) await beat(sayInTurn);
    },
    service,
    refresh,
    roster: (how) => after(reading.get(how === "recent" ? RECENT_MS : undefined), known),
    get latest() {
      return latest();
    },
    begun() {
      const found = reading.get();
      return found instanceof Promise && reading.latest === undefined ? found.then(() => {}) : undefined;
    },
    beatIfDue() {
      if (platform.monotonicMs() - beatAtMs < heartbeatMs) return undefined;
      // At once, so that whoever waits for it waits no longer; a platform without timers has no other time to read.
      return after(Promise.all([beat(say), reading.refresh()]), () => {});
    },
    async announce() {
      // Where that fails nothing is announced, which nobody would take back.
      const roster = await refresh();
      await say();
      const mismatches = windowMismatches({ revision, ...self }, roster);
      for (const mismatch of mismatches) emit({ type: "window-broken", ...mismatch });
      const stop = keepBeating();
      const become = (next: InstanceAnnounced["state"]) => {
        state = next;
        return sayInTurn();
      };
      return {
        mismatches,
        become,
        stop() {
          stop();
          return become("closed");
        },
      };
    },
    get isDraining() {
      return isDraining;
    },
    epoch() {
      const roster = latest();
      return roster === undefined || epochNow(roster) !== firstEpoch ? undefined : firstEpoch;
    },
  };
}

function known(read: Read<Roster>): Roster | undefined {
  return read.outcome === "read" ? read.value : undefined;
}

function rosterReading(
  { platform }: PinGround,
  { registry, heartbeatMs }: AnnounceSettings,
  service: () => MaybePromise<string>,
  told: (found: Read<Roster>) => void,
): Reading<Roster> {
  const times = { refreshMs: heartbeatMs / 2, maxAgeMs: MISSED_BEATS * heartbeatMs, timeoutMs: LONGEST_READING_MS };
  return createReading(platform, async () => readRoster(await registry.list(await service())), times, told);
}
