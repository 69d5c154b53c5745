import { check, FUNCTION, isFunction, positive, type Rule, type Rules } from "./check-options.js";
import { type Duration, durationMs } from "./duration.js";
import type { OnEvent } from "./event.js";
import type { FingerprintRule } from "./fingerprint.js";
import type { MountPinOptions, PinRules } from "./pinned.js";
import type { RecoverFunction } from "./recover.js";
import { type ScopeFunction, SHARED_SCOPE } from "./scope.js";
import { show } from "./show.js";
import type { Store } from "./store.js";
import type { WaiterLimits } from "./waiters.js";

/** How one route, router or application treats its idempotency keys. */
export interface MountOptions<Request = unknown> {
  /** Refuses a request of one of `methods` that carries no key. @default false */
  readonly required?: boolean | undefined;
  /** The methods whose keys count. @default ["POST", "PATCH"] */
  readonly methods?: readonly string[] | undefined;
  /** The header that carries the key; for callers with a header of their own, such as a webhook's delivery id. @default "Idempotency-Key" */
  readonly keyHeader?: string | undefined;
  /**
   * What the handler's effects can bear. `"once"`: they can be neither undone nor deduplicated, so a run that died is
   * never repeated blindly, and a 5xx is recorded and replayed. `"repeatable"`: they roll back, or a downstream
   * deduplicates them by `once.effectKey()`, so a failed run frees the key and a dead one is run again.
   * @default "once"
   */
  readonly effects?: "once" | "repeatable" | undefined;
  /**
   * Runs the handler inside a transaction of the store, which `once.tx` writes through: its writes and the record commit
   * together, just before the last byte leaves. A throw, a 5xx, a cut answer or a crash rolls both back and the key is free
   * at once, so `effects` need not be said. Needs a store with transactions, such as `postgresStore`.
   * @default false
   */
  readonly transactional?: boolean | undefined;
  /** What a duplicate gets while the first run goes on: its answer, waited for up to 10 s, or 409 at once. @default "wait" */
  readonly inFlight?: "wait" | "reject" | undefined;
  /** Whom keys are unique within. @default the instance's */
  readonly scope?: ScopeFunction<Request> | typeof SHARED_SCOPE | undefined;
  /** What makes two requests with one key the same. @default "request" */
  readonly fingerprint?: FingerprintRule<Request> | undefined;
  /** Settles an outcome that is unknown after a crash. @default every one is answered 409 `outcome-unknown` */
  readonly recover?: RecoverFunction<Request> | undefined;
  /** `"refuse"` answers 503 while the store is down; `"run"` runs the handler without a record, so a retry runs it again. @default "refuse" */
  readonly onStoreDown?: "refuse" | "run" | undefined;
  /** How long records stay. @default the longer of 24 h and releaseWindow + 24 h, which is also the least allowed */
  readonly retention?: Duration | undefined;
  /** How long a run owns its key without renewing; it is renewed four times in that time. In milliseconds. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** Longest body that is fingerprinted; a longer one is refused with 413. @default 1048576 */
  readonly maxBodyBytes?: number | undefined;
  /** Longest recorded answer, headers and body; a longer one is sent and leaves a tombstone. @default 1048576 */
  readonly maxRecordBytes?: number | undefined;
  /** Names of further answer fields that replays carry, beside the standard ones and `X-…`. @default [] */
  readonly replayHeaders?: readonly string[] | undefined;
  /**
   * Lets a duplicate that carries `Last-Event-ID` have only the events after that one, where the answer is a stream of
   * server-sent events with ids. Without such an event in it, the whole answer is sent. @default false
   */
  readonly resumeEvents?: boolean | undefined;
  /**
   * How many duplicates of one key may wait for its run in one process, or read along with it; any further one is answered
   * 409 `in-flight`. @default 100
   */
  readonly maxWaitersPerKey?: number | undefined;
  /** The same for all keys of one scope. @default 1000 */
  readonly maxWaitersPerScope?: number | undefined;
  /** How the route treats pins, where the instance has `pins`; `false` leaves them alone. @default as `pins()` was told */
  readonly pins?: MountPinOptions | false | undefined;
}

/** What `createOnceover` is given. */
export interface OnceoverOptions<Request = unknown> {
  /** The service's name: part of every store key, so that two services can share a store. */
  readonly service: string;
  /** The immutable build that is running, such as a git sha. Recorded with each answer; part of no key. */
  readonly revision: string;
  /** Where records are kept. */
  readonly store: Store;
  /** Whom keys are unique within: a function that names the caller, or `SHARED_SCOPE`. */
  readonly scope: ScopeFunction<Request> | typeof SHARED_SCOPE;
  /** The longest time two revisions serve side by side. @default 0 */
  readonly releaseWindow?: Duration | undefined;
  /** How long records stay. @default the longer of 24 h and releaseWindow + 24 h, which is also the least allowed */
  readonly retention?: Duration | undefined;
  /** Defaults of every mount. */
  readonly idempotency?: Omit<MountOptions<Request>, "scope" | "retention" | "pins"> | undefined;
  /** What to do when `store.verify()` finds a setting that breaks the store's promise: refuse keyed requests, or tell `on` and go on. @default "refuse" */
  readonly onUnfitStore?: "refuse" | "warn" | undefined;
  /** Checks what callers were built against: `pins()` of `@onceover/core/pins`. @default nothing is checked */
  readonly pins?: PinRules | undefined;
  /** Receives events. */
  readonly on?: OnEvent | undefined;
}

/** The options of a mount, checked and complete. */
export interface MountSettings<Request> extends WaiterLimits {
  readonly required: boolean;
  readonly methods: ReadonlySet<string>;
  /** As it was given; its name in lower case finds it. */
  readonly keyHeader: string;
  readonly effects: "once" | "repeatable";
  readonly transactional: boolean;
  readonly inFlight: "wait" | "reject";
  readonly scope: ScopeFunction<Request> | typeof SHARED_SCOPE;
  readonly fingerprint: FingerprintRule<Request>;
  readonly recover: RecoverFunction<Request> | undefined;
  readonly onStoreDown: "refuse" | "run";
  /** How long stores are told to keep records: longer than the retention that is promised. */
  readonly retentionMs: number;
  readonly leaseMs: number;
  readonly maxBodyBytes: number;
  readonly maxRecordBytes: number;
  readonly replayHeaders: ReadonlySet<string>;
  readonly resumeEvents: boolean;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A store's clock that is set forward by a day must not end what is promised for a day. */
const CLOCK_SLACK_MS = DAY_MS + 60_000;
const NEVER_REPLAYED = [
  "set-cookie",
  "content-length",
  "date",
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "idempotency-key",
  "idempotency-replayed",
];

const isName = (value: unknown) => typeof value === "string" && /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value);
const areNames = (value: unknown): value is string[] => Array.isArray(value) && value.every(isName);
const isReplayable = (name: string) => !NEVER_REPLAYED.includes(name.toLowerCase());

const TEXT: Rule = [
  (value) => typeof value === "string" && value.length > 0 && value.length <= 255,
  "must be a name of 1 to 255 characters",
];
const DURATION: Rule = [
  (value) => durationMs(value) !== undefined,
  'must be a number of milliseconds or a text such as "90s", "36h" or "30d"',
];
const SCOPE: Rule = [
  (value) => isFunction(value) || value === SHARED_SCOPE,
  "must be a function that names the caller of a request, or SHARED_SCOPE",
];

function oneOf(...values: readonly string[]): Rule {
  return [
    (value) => values.some((each) => each === value),
    `must be ${values.map((each) => `"${each}"`).join(" or ")}`,
  ];
}

const BOOLEAN: Rule = [(value) => typeof value === "boolean", "must be true or false"];

const SHARED_RULES: Rules = {
  required: BOOLEAN,
  methods: [areNames, "must be a list of HTTP methods"],
  keyHeader: [isName, "must be the name of a header"],
  effects: oneOf("once", "repeatable"),
  transactional: BOOLEAN,
  inFlight: oneOf("wait", "reject"),
  fingerprint: [isFingerprintRule, 'must be "request", "off", { fields: [names] } or a function'],
  recover: FUNCTION,
  onStoreDown: oneOf("refuse", "run"),
  leaseMs: positive("milliseconds"),
  maxBodyBytes: positive("bytes"),
  maxRecordBytes: positive("bytes"),
  resumeEvents: BOOLEAN,
  maxWaitersPerKey: positive("requests"),
  maxWaitersPerScope: positive("requests"),
  replayHeaders: [
    (value) => areNames(value) && value.every(isReplayable),
    `must be a list of header names, without ${NEVER_REPLAYED.join(", ")}`,
  ],
};

const MOUNT_RULES: Rules = { ...SHARED_RULES, scope: SCOPE, retention: DURATION };

const INSTANCE_RULES: Rules = {
  service: TEXT,
  revision: TEXT,
  store: [isStore, "must be a store, such as memoryStore()"],
  scope: SCOPE,
  releaseWindow: DURATION,
  retention: DURATION,
  // Looked at by itself.
  idempotency: [() => true, ""],
  onUnfitStore: oneOf("refuse", "warn"),
  pins: [isFunction, "must be made by pins()"],
  on: FUNCTION,
};

const REQUIRED = ["service", "revision", "store", "scope"];
const VERBS = [
  "acquire",
  "renew",
  "complete",
  "abandon",
  "read",
  "forget",
  "forgetScope",
  "unknowns",
  "verify",
  "close",
];

function isStore(value: unknown): boolean {
  return typeof value === "object" && value !== null && VERBS.every((verb) => isFunction(Reflect.get(value, verb)));
}

function isFingerprintRule(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return isFunction(value) || value === "request" || value === "off";
  const { fields, ...others } = value as { readonly fields?: unknown };
  const isAlone = Object.keys(others).length === 0;
  return isAlone && Array.isArray(fields) && fields.every((field) => typeof field === "string");
}

/** Checks the options of an instance. @throws {TypeError} that names the option, its rule and the value. */
export function checkInstance(options: unknown): void {
  const given = check("createOnceover", INSTANCE_RULES, options, REQUIRED);
  if (given.idempotency !== undefined) check("idempotency", SHARED_RULES, given.idempotency);
}

/**
 * Checks a mount's options and completes them from the instance's.
 * @throws {TypeError} that names the option, its rule and the value.
 */
export function mountSettings<Request>(
  instance: OnceoverOptions<Request>,
  mount: MountOptions<Request> = {},
): MountSettings<Request> {
  check("onceover", MOUNT_RULES, mount);
  const options = { ...DEFAULTS, ...given(instance.idempotency), ...given(mount) };
  const { transactional, methods, replayHeaders, retention = instance.retention, scope = instance.scope } = options;
  if (transactional) checkTransactional(instance, options);
  return {
    ...options,
    scope,
    methods: new Set(methods.map((method) => method.toUpperCase())),
    // What a transaction writes is undone when it fails, whatever the route would otherwise be.
    effects: transactional ? "repeatable" : options.effects,
    retentionMs: retentionMs(retention, instance.releaseWindow ?? 0),
    replayHeaders: new Set(replayHeaders.map((name) => name.toLowerCase())),
  };
}

/** What a mount has where neither it nor its instance says anything else. */
const DEFAULTS = {
  required: false,
  methods: ["POST", "PATCH"],
  keyHeader: "Idempotency-Key",
  effects: "once",
  transactional: false,
  inFlight: "wait",
  fingerprint: "request",
  recover: undefined,
  onStoreDown: "refuse",
  leaseMs: 15_000,
  maxBodyBytes: 1_048_576,
  maxRecordBytes: 1_048_576,
  replayHeaders: [],
  resumeEvents: false,
  maxWaitersPerKey: 100,
  maxWaitersPerScope: 1000,
} as const;

function checkTransactional<Request>(
  { store }: OnceoverOptions<Request>,
  { onStoreDown }: MountOptions<Request>,
): void {
  if (store.begin === undefined) {
    throw new TypeError(`transactional needs a store with transactions, such as postgresStore(), got ${store.name}`);
  }
  if (onStoreDown === "run") throw new TypeError('onStoreDown must be "refuse" with transactional, got "run"');
}

/** A record must outlive every retry that may still come: those of a release's last request, a day later. */
function retentionMs(retention: Duration | undefined, releaseWindow: Duration): number {
  const leastMs = Math.max(DAY_MS, (durationMs(releaseWindow) ?? 0) + DAY_MS);
  const chosenMs = retention === undefined ? leastMs : (durationMs(retention) ?? 0);
  if (chosenMs >= leastMs) return chosenMs + CLOCK_SLACK_MS;
  throw new TypeError(`retention must be at least ${leastMs / HOUR_MS}h (releaseWindow + 24h), got ${show(retention)}`);
}

type Given<T> = { readonly [Name in keyof T]?: Exclude<T[Name], undefined> };

/** `undefined` counts as not given. */
function given<T extends object>(options: T | undefined): Given<T> {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as Given<T>;
}
