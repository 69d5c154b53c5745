import { OnceoverError } from "@onceover/core";
import type { HeaderLine } from "../facts.js";
import type { Mount, Onceover, Refuse } from "../onceover.js";
import type { MountOptions } from "../options.js";
import type { PinControl, PinGround, PinnedFetch, PinnedOnceover, PinRules, Pins, PinValue } from "../pinned.js";
import { after } from "../platform.js";
import type { Router } from "../revisions/router.js";
import { show } from "../show.js";
import { ambient } from "./ambient.js";
import { stampLines } from "./head-lines.js";
import { uncheckedMount } from "./leaving.js";
import { livePins } from "./live-pins.js";
import { type PinOptions, type PinSettings, pinSettings, requiredPins } from "./pin-settings.js";
import { type PinContext, pinnedMount } from "./pinned-mount.js";
import { createReading, type Read, type Reading } from "./reading.js";

/**
 * Checks what each request was built against, before its key is claimed; refuses it where the backend has something else, or
 * sends it to a revision that matches. Every answer says which revision it is from, and what the backend has.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * const once = createOnceover({
 *   service: "search", revision: "r42", store, scope,
 *   pins: pins({
 *     writes: { schemaRev: 12, indexHash: "ix1-9f86d081" },
 *     accepts: { schemaRev: [11, 12] },
 *     read: redisPins({ client, key: "search:live" }),
 *   }),
 * });
 */
export function pins<Own extends Readonly<Record<string, PinValue | undefined>> = Readonly<Record<never, never>>>(
  options: PinOptions<Own>,
): PinRules {
  const settings = pinSettings(options);
  return (once, ground) => attach(settings, once, ground);
}

function attach<Request>(settings: PinSettings, once: Onceover<Request>, ground: PinGround): PinnedOnceover<Request> {
  const reading = readingOf(settings, ground);
  let announced = settings.writes;
  const live = () => {
    // Sees to it that it is read anew; what that finds is announced next time.
    void reading.get();
    if (reading.latest?.outcome === "read") announced = reading.latest.value;
    return announced;
  };
  const router = settings.revisions?.attach(ground, { writes: settings.writes, accepts: settings.accepts, live });
  let refuse: Refuse | undefined;
  const leaving = () => refuse ?? router?.refuse;
  const context = { ...contextOf(settings, reading, router, ground), leaving };
  return {
    ...once,
    mount: (options = {}) => mountOn(context, once, options),
    // The mounts behind ours go on: what is pinned to this revision is still to run.
    drain(given) {
      refuse = given;
    },
    fetch: ambientFetch,
    pins: controlOf(reading, router),
  };
}

/** What this revision writes is read once; what the backend has, again and again. */
function readingOf(settings: PinSettings, ground: PinGround): Reading<Pins> {
  const { read, times, writes } = settings;
  if (read === undefined)
    return createReading(
      ground.platform,
      () => writes,
      { ...times, ...NEVER_OLD },
      () => {},
    );
  const fromBackend = () => after(read(), (said) => livePins(settings, said));
  return createReading(ground.platform, fromBackend, times, tellReadings(settings, ground));
}

const NEVER_OLD = { refreshMs: Number.POSITIVE_INFINITY, maxAgeMs: Number.POSITIVE_INFINITY };

/** Tells of readings that failed, and once of each schema revision that the backend has come to and this revision does not accept. */
function tellReadings({ accepts }: PinSettings, { emit, revision: reader }: PinGround): (found: Read<Pins>) => void {
  const pin = "schemaRev";
  const accepted = accepts[pin];
  let seen: PinValue | undefined;
  return (found) => {
    if (found.outcome === "unreadable") return emit({ type: "read-failed", what: "pins", error: found.error });
    const writes = found.value[pin];
    const isNew = writes !== seen;
    seen = writes;
    if (!isNew || writes === undefined || accepted === undefined || accepted.includes(writes)) return;
    emit({ type: "window-broken", writer: "backend", reader, pin, writes, accepts: accepted });
  };
}

function contextOf(
  settings: PinSettings,
  reading: Reading<Pins>,
  router: Router | undefined,
  { revision, emit }: PinGround,
): Omit<PinContext, "leaving"> {
  const { names, prefix } = settings;
  const about: HeaderLine[] = [["Revision", revision], ...(router?.lines ?? [])];
  const varies = [...names.flatMap(({ spellings }) => spellings), ...(router?.varies ?? [])];
  return {
    settings,
    reading,
    router,
    ground: { revision, names, router, stamp: stampLines({ about, names, prefix, varies }) },
    emit,
  };
}

/** A mount's own `pins` are ours to check; the rest is checked by the mount behind us. */
function mountOn<Request>(
  context: PinContext,
  once: Onceover<Request>,
  options: MountOptions<Request>,
): Mount<Request> {
  const { pins: own, ...others } = options;
  const mount = once.mount(others);
  if (own === false) return uncheckedMount(context, mount);
  const { settings } = context;
  if (own === undefined) return pinnedMount(context, mount, settings.required);
  if (typeof own !== "object" || own === null || Array.isArray(own)) {
    throw new TypeError(`pins must be false or { required }, got ${show(own)}`);
  }
  const { required, ...unknown } = own;
  const [name] = Object.keys(unknown);
  if (name !== undefined) throw new TypeError(`pins has no option ${name}; it has required`);
  const names = settings.names.map((each) => each.name);
  return pinnedMount(context, mount, required === undefined ? settings.required : requiredPins(names, required));
}

const ambientFetch: PinnedFetch = (input, init) => {
  const pinned = ambient?.getStore();
  if (pinned !== undefined) return pinned.fetch(input, init);
  const { step, ...plain } = init ?? {};
  if (step === undefined) return fetch(input, plain);
  return Promise.reject(new TypeError(`step needs a request that is being handled, got ${show(step)}`));
};

function controlOf(reading: Reading<Pins>, router: Router | undefined): PinControl {
  const to = async <T>(go: (router: Router) => Promise<T>): Promise<T> => {
    if (router !== undefined) return go(router);
    throw new OnceoverError("misuse", "pins() was given no revisions");
  };
  return {
    live: async () => pinsOf(await reading.get()),
    async refresh() {
      const live = pinsOf(await reading.refresh());
      await router?.update();
      return live;
    },
    announce: () =>
      to(async (each) => {
        await reading.get();
        return each.announce();
      }),
    revoke: (revision) => to((each) => each.revoke(revision)),
    setFloor: (revision) => to((each) => each.setFloor(revision)),
    dismiss: (revision) => to((each) => each.dismiss(revision)),
    drain: (revision) => to((each) => each.drain(revision)),
    serve: (revision) => to((each) => each.serve(revision)),
    sign: (...given) => to((each) => each.sign(...given)),
  };
}

function pinsOf(read: Read<Pins>): Pins {
  if (read.outcome === "read") return read.value;
  throw read.error;
}
