import { describe, expect, it } from "vitest";
import { memoryStore } from "../src/memory-store.js";
import { createOnceover } from "../src/onceover.js";
import { checkInstance, type MountOptions, mountSettings, type OnceoverOptions } from "../src/options.js";
import { SHARED_SCOPE } from "../src/scope.js";

const HOUR_MS = 3_600_000;
/** Stores keep records for longer than is promised, by as much as their clock may be set wrong. */
const SLACK_MS = 24 * HOUR_MS + 60_000;
const NAME = "must be a name of 1 to 255 characters";
const DURATION = 'must be a number of milliseconds or a text such as "90s", "36h" or "30d"';
const FINGERPRINT = 'must be "request", "off", { fields: [names] } or a function';
const SCOPE = "must be a function that names the caller of a request, or SHARED_SCOPE";
const REPLAYABLE =
  "must be a list of header names, without set-cookie, content-length, date, connection, keep-alive, proxy-connection, te, trailer, " +
  "transfer-encoding, upgrade, idempotency-key, idempotency-replayed";

const SHARED_OPTIONS =
  "required, methods, keyHeader, effects, transactional, inFlight, fingerprint, recover, onStoreDown, leaseMs, maxBodyBytes, maxRecordBytes, " +
  "resumeEvents, maxWaitersPerKey, maxWaitersPerScope, replayHeaders";
const MOUNT_OPTIONS = `${SHARED_OPTIONS}, scope, retention`;
const INSTANCE_OPTIONS =
  "service, revision, store, scope, releaseWindow, retention, idempotency, onUnfitStore, pins, on";

const instance = (over: object = {}): OnceoverOptions =>
  ({ service: "payments", revision: "r42", store: memoryStore(), scope: SHARED_SCOPE, ...over }) as OnceoverOptions;
const mounted = (mount: object, over: object = {}) => mountSettings(instance(over), mount as MountOptions);

/** Wrong values of the options that a mount and an instance's `idempotency` share. */
const SHARED: readonly (readonly [option: string, wrong: unknown, message: string])[] = [
  ["required", 1, "required must be true or false, got 1"],
  ["required", "yes", 'required must be true or false, got "yes"'],
  ["required", null, "required must be true or false, got null"],
  ["methods", "POST", 'methods must be a list of HTTP methods, got "POST"'],
  ["methods", ["PO ST"], "methods must be a list of HTTP methods, got a list"],
  ["methods", [1], "methods must be a list of HTTP methods, got a list"],
  ["effects", "maybe", 'effects must be "once" or "repeatable", got "maybe"'],
  ["effects", true, 'effects must be "once" or "repeatable", got true'],
  ["transactional", "yes", 'transactional must be true or false, got "yes"'],
  ["inFlight", "skip", 'inFlight must be "wait" or "reject", got "skip"'],
  ["fingerprint", "body", `fingerprint ${FINGERPRINT}, got "body"`],
  ["fingerprint", { fields: "a" }, `fingerprint ${FINGERPRINT}, got an object`],
  ["fingerprint", { fields: ["a"], query: true }, `fingerprint ${FINGERPRINT}, got an object`],
  ["fingerprint", ["a"], `fingerprint ${FINGERPRINT}, got a list`],
  ["recover", {}, "recover must be a function, got an object"],
  ["onStoreDown", "open", 'onStoreDown must be "refuse" or "run", got "open"'],
  ["leaseMs", -1, "leaseMs must be a positive whole number of milliseconds, got -1"],
  ["leaseMs", 0, "leaseMs must be a positive whole number of milliseconds, got 0"],
  ["leaseMs", 1.5, "leaseMs must be a positive whole number of milliseconds, got 1.5"],
  ["leaseMs", Number.NaN, "leaseMs must be a positive whole number of milliseconds, got NaN"],
  ["leaseMs", Number.POSITIVE_INFINITY, "leaseMs must be a positive whole number of milliseconds, got Infinity"],
  ["leaseMs", "15s", 'leaseMs must be a positive whole number of milliseconds, got "15s"'],
  ["maxBodyBytes", -1, "maxBodyBytes must be a positive whole number of bytes, got -1"],
  ["maxBodyBytes", "", 'maxBodyBytes must be a positive whole number of bytes, got ""'],
  ["maxRecordBytes", "1mb", 'maxRecordBytes must be a positive whole number of bytes, got "1mb"'],
  ["resumeEvents", "yes", 'resumeEvents must be true or false, got "yes"'],
  ["maxWaitersPerKey", 0, "maxWaitersPerKey must be a positive whole number of requests, got 0"],
  ["maxWaitersPerScope", -1, "maxWaitersPerScope must be a positive whole number of requests, got -1"],
  ["replayHeaders", "ETag", `replayHeaders ${REPLAYABLE}, got "ETag"`],
  ["replayHeaders", ["ETag", "Bad:"], `replayHeaders ${REPLAYABLE}, got a list`],
  ...["Set-Cookie", "content-length", "Date", "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade"].map(
    (name) => ["replayHeaders", [name], `replayHeaders ${REPLAYABLE}, got a list`] as const,
  ),
  ...["Transfer-Encoding", "Proxy-Connection", "Idempotency-Key", "Idempotency-Replayed"].map(
    (name) => ["replayHeaders", ["Server-Timing", name], `replayHeaders ${REPLAYABLE}, got a list`] as const,
  ),
];

describe("a mount", () => {
  it.each([
    ...SHARED,
    ["scope", "alice", `scope ${SCOPE}, got "alice"`],
    ["scope", Symbol("other"), `scope ${SCOPE}, got Symbol(other)`],
    ["scope", null, `scope ${SCOPE}, got null`],
    ["retention", "24", `retention ${DURATION}, got "24"`],
    ["retention", Number.NaN, `retention ${DURATION}, got NaN`],
    ["retention", -1, `retention ${DURATION}, got -1`],
    ["retention", "23h", 'retention must be at least 24h (releaseWindow + 24h), got "23h"'],
    ["constructor", 5, `onceover has no option constructor; it has ${MOUNT_OPTIONS}`],
    ["leaseMS", 5, `onceover has no option leaseMS; it has ${MOUNT_OPTIONS}`],
  ] as const)("refuses %s: %j", (option, wrong, message) => {
    expect(() => mounted({ [option]: wrong })).toThrow(new TypeError(message));
  });

  it.each([null, 5, "off"])("refuses %j for its options", (options) => {
    expect(() => mountSettings(instance(), options as unknown as MountOptions)).toThrow(
      new TypeError(`onceover must be given an object of options, got ${JSON.stringify(options)}`),
    );
  });

  it("has the documented defaults, with each option left out or undefined", () => {
    const defaults = {
      required: false,
      methods: new Set(["POST", "PATCH"]),
      keyHeader: "Idempotency-Key",
      effects: "once",
      inFlight: "wait",
      scope: SHARED_SCOPE,
      transactional: false,
      fingerprint: "request",
      recover: undefined,
      onStoreDown: "refuse",
      retentionMs: 24 * HOUR_MS + SLACK_MS,
      leaseMs: 15_000,
      maxBodyBytes: 1_048_576,
      maxRecordBytes: 1_048_576,
      resumeEvents: false,
      maxWaitersPerKey: 100,
      maxWaitersPerScope: 1000,
      replayHeaders: new Set(),
    };
    expect(mountSettings(instance())).toEqual(defaults);
    const names = [...Object.keys(defaults).filter((name) => name !== "retentionMs"), "retention"];
    expect(mounted(Object.fromEntries(names.map((name) => [name, undefined])))).toEqual(defaults);
  });

  it("takes its options before the instance's, and the instance's where its own are undefined", () => {
    const idempotency = { leaseMs: 5_000, effects: "repeatable", inFlight: "reject" };
    const settings = mounted({ leaseMs: 1_000, effects: undefined }, { idempotency });
    expect(settings).toMatchObject({ leaseMs: 1_000, effects: "repeatable", inFlight: "reject" });
    const own = () => "me";
    expect(mounted({ scope: own, retention: "48h" }, { retention: "30d" })).toMatchObject({
      scope: own,
      retentionMs: 48 * HOUR_MS + SLACK_MS,
    });
    expect(mounted({}, { retention: "30d" }).retentionMs).toBe(720 * HOUR_MS + SLACK_MS);
  });

  it("reads methods and header names in any case", () => {
    const settings = mounted({ methods: ["post", "Put"], replayHeaders: ["Server-Timing"] });
    expect(settings.methods).toEqual(new Set(["POST", "PUT"]));
    expect(settings.replayHeaders).toEqual(new Set(["server-timing"]));
  });

  it("never changes the caller's objects, nor is changed by them afterwards", () => {
    const replayHeaders = ["server-timing"];
    const methods = ["POST"];
    const mount = Object.freeze({ methods, replayHeaders, leaseMs: undefined });
    const options = Object.freeze(instance({ idempotency: Object.freeze({ leaseMs: 5 }) }));
    const settings = mountSettings(options, mount);
    replayHeaders.push("age");
    methods.push("GET");
    expect(settings.replayHeaders).toEqual(new Set(["server-timing"]));
    expect(settings.methods).toEqual(new Set(["POST"]));
  });
});

describe("an instance", () => {
  it.each([
    ["service", undefined, `service ${NAME}, got undefined`],
    ["service", "", `service ${NAME}, got ""`],
    ["service", 5, `service ${NAME}, got 5`],
    ["revision", "x".repeat(256), `revision ${NAME}, got "${"x".repeat(256)}"`],
    ["store", undefined, "store must be a store, such as memoryStore(), got undefined"],
    ["store", {}, "store must be a store, such as memoryStore(), got an object"],
    ["scope", undefined, `scope ${SCOPE}, got undefined`],
    ["scope", "alice", `scope ${SCOPE}, got "alice"`],
    ["releaseWindow", "soon", `releaseWindow ${DURATION}, got "soon"`],
    ["releaseWindow", -1, `releaseWindow ${DURATION}, got -1`],
    ["retention", [], `retention ${DURATION}, got a list`],
    ["retention", 1_000, "retention must be at least 24h (releaseWindow + 24h), got 1000"],
    ["onUnfitStore", "ignore", 'onUnfitStore must be "refuse" or "warn", got "ignore"'],
    ["on", {}, "on must be a function, got an object"],
    ["idempotency", "off", 'idempotency must be given an object of options, got "off"'],
    ["idempotency", { retention: "30d" }, `idempotency has no option retention; it has ${SHARED_OPTIONS}`],
    ["idempotency", { scope: SHARED_SCOPE }, `idempotency has no option scope; it has ${SHARED_OPTIONS}`],
    ["serivce", "payments", `createOnceover has no option serivce; it has ${INSTANCE_OPTIONS}`],
  ])("refuses %s: %j", (option, wrong, message) => {
    expect(() => createOnceover(instance({ [option]: wrong }))).toThrow(new TypeError(message));
  });

  it.each(SHARED)("refuses idempotency.%s: %j", (option, wrong, message) => {
    const act = () => createOnceover(instance({ idempotency: { [option]: wrong } }));
    expect(act).toThrow(new TypeError(message));
  });

  it.each([undefined, null, 5, "payments"])("refuses %j for its options", (options) => {
    expect(() => checkInstance(options)).toThrow(
      new TypeError(`createOnceover must be given an object of options, got ${JSON.stringify(options)}`),
    );
  });

  it("refuses a retention shorter than releaseWindow + 24 h, its own and a mount's", () => {
    const message = 'retention must be at least 30h (releaseWindow + 24h), got "29h"';
    expect(() => createOnceover(instance({ releaseWindow: "6h", retention: "29h" }))).toThrow(new TypeError(message));
    const once = createOnceover(instance({ releaseWindow: "6h" }));
    expect(() => once.mount({ retention: "29h" })).toThrow(new TypeError(message));
    expect(once.mount({ retention: "30h" })).toHaveProperty("attempt");
  });

  it("takes undefined for each option that may be left out, and a store that is an instance of a class", () => {
    class ClassStore {
      readonly name = "class";
      readonly #inner = memoryStore();
      verify = () => this.#inner.verify();
      acquire() {}
      renew() {}
      complete() {}
      abandon() {}
      read() {}
      forget() {}
      forgetScope() {}
      unknowns() {}
      close() {}
    }
    const optional = ["releaseWindow", "retention", "idempotency", "onUnfitStore", "on"];
    const over = { ...Object.fromEntries(optional.map((name) => [name, undefined])), store: new ClassStore() };
    expect(createOnceover(instance(over))).toMatchObject({ service: "payments", revision: "r42", store: over.store });
  });
});
