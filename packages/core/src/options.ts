import * as z from "zod/mini";
import { type Duration, durationMs } from "./duration.js";
import type { OnEvent } from "./event.js";
import type { FingerprintRule } from "./fingerprint.js";
import type { RecoverFunction } from "./recover.js";
import { type ScopeFunction, SHARED_SCOPE } from "./scope.js";
import type { Store } from "./store.js";

/** How one route, router or application treats its idempotency keys. */
export interface MountOptions<Request = unknown> {
  /** Refuses a request of one of `methods` that carries no key. @default false */
  readonly required?: boolean | undefined;
  /** The methods whose keys count. @default ["POST", "PATCH"] */
  readonly methods?: readonly string[] | undefined;
  /**
   * What the handler's effects can bear. `"once"`: they can be neither undone nor deduplicated, so a run that died is
   * never repeated blindly, and a 5xx is recorded and replayed. `"repeatable"`: they roll back, or a downstream
   * deduplicates them by `once.effectKey()`, so a failed run frees the key and a dead one is run again.
   * @default "once"
   */
  readonly effects?: "once" | "repeatable" | undefined;
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
  /** How long a run owns its key without renewing; renewed three times as often while it runs. In milliseconds. @default 15000 */
  readonly leaseMs?: number | undefined;
  /** Longest body that is fingerprinted; a longer one is refused with 413. @default 1048576 */
  readonly maxBodyBytes?: number | undefined;
  /** Longest recorded answer, headers and body; a longer one is sent and leaves a tombstone. @default 1048576 */
  readonly maxRecordBytes?: number | undefined;
  /** Names of further answer fields that replays carry, beside the standard ones and `X-…`. @default [] */
  readonly replayHeaders?: readonly string[] | undefined;
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
  readonly idempotency?: Omit<MountOptions<Request>, "scope" | "retention"> | undefined;
  /** What to do when `store.verify()` finds a setting that breaks the store's promise: refuse keyed requests, or tell `on` and go on. @default "refuse" */
  readonly onUnfitStore?: "refuse" | "warn" | undefined;
  /** Receives events. */
  readonly on?: OnEvent | undefined;
}

/** The options of a mount, checked and complete. */
export interface MountSettings<Request> {
  readonly required: boolean;
  readonly methods: ReadonlySet<string>;
  readonly effects: "once" | "repeatable";
  readonly inFlight: "wait" | "reject";
  readonly scope: ScopeFunction<Request> | typeof SHARED_SCOPE;
  readonly fingerprint: FingerprintRule<Request>;
  readonly recover: RecoverFunction<Request> | undefined;
  readonly onStoreDown: "refuse" | "run";
  readonly retentionMs: number;
  readonly leaseMs: number;
  readonly maxBodyBytes: number;
  readonly maxRecordBytes: number;
  readonly replayHeaders: ReadonlySet<string>;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NEVER_REPLAYED = [
  "set-cookie",
  "content-length",
  "date",
  "connection",
  "transfer-encoding",
  "idempotency-replayed",
];

const func = (rule: string) => z.custom<(...args: never[]) => unknown>((value) => typeof value === "function", rule);
const oneOf = <const T extends string>(...values: T[]) =>
  z.enum(values, `must be one of ${values.map((value) => `"${value}"`).join(", ")}`);
const duration = z.custom<Duration>(
  (value) => durationMs(value) !== undefined,
  'must be a number of milliseconds or a text such as "90s", "36h" or "30d"',
);
const positive = (unit: string) => {
  const rule = `must be a positive whole number of ${unit}`;
  return z.number(rule).check(z.int(rule), z.positive(rule));
};
const names = (rule: string) => z.array(z.string(rule).check(z.regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, rule)), rule);
const scope = z.custom<ScopeFunction<never> | typeof SHARED_SCOPE>(
  (value) => typeof value === "function" || value === SHARED_SCOPE,
  "must be a function that names the caller of a request, or SHARED_SCOPE",
);
const text = (rule: string) => z.string(rule).check(z.minLength(1, rule), z.maxLength(255, rule));

const sharedShape = {
  required: z.optional(z.boolean("must be true or false")),
  methods: z.optional(names("must be a list of HTTP methods")),
  effects: z.optional(oneOf("once", "repeatable")),
  inFlight: z.optional(oneOf("wait", "reject")),
  fingerprint: z.optional(
    z.union(
      [func(""), z.enum(["request", "off"]), z.strictObject({ fields: z.array(z.string()) })],
      'must be "request", "off", { fields: [names] } or a function',
    ),
  ),
  recover: z.optional(func("must be a function")),
  onStoreDown: z.optional(oneOf("refuse", "run")),
  leaseMs: z.optional(positive("milliseconds")),
  maxBodyBytes: z.optional(positive("bytes")),
  maxRecordBytes: z.optional(positive("bytes")),
  replayHeaders: z.optional(
    names("must be a list of header names").check(
      z.refine(
        (given) => given.every((name) => !NEVER_REPLAYED.includes(name.toLowerCase())),
        `must not name ${NEVER_REPLAYED.join(", ")}`,
      ),
    ),
  ),
};

const mountSchema = z.strictObject({ ...sharedShape, scope: z.optional(scope), retention: z.optional(duration) });

const instanceSchema = z.strictObject({
  service: text("must be a name of 1 to 255 characters"),
  revision: text("must be a name of 1 to 255 characters"),
  store: z.custom<Store>(isStore, "must be a store, such as memoryStore()"),
  scope,
  releaseWindow: z.optional(duration),
  retention: z.optional(duration),
  idempotency: z.optional(z.strictObject(sharedShape)),
  onUnfitStore: z.optional(oneOf("refuse", "warn")),
  on: z.optional(func("must be a function")),
});

function isStore(value: unknown): boolean {
  const verbs = ["acquire", "renew", "complete", "abandon", "read", "forget", "unknowns", "verify", "close"];
  if (typeof value !== "object" || value === null) return false;
  const store: Readonly<Record<string, unknown>> = { ...value };
  return verbs.every((verb) => typeof (store[verb] ?? Reflect.get(value, verb)) === "function");
}

/** Checks the options of an instance. @throws {TypeError} that names the option, its rule and the value. */
export function checkInstance(options: unknown): void {
  check(instanceSchema, options, "createOnceover options");
}

/**
 * Checks a mount's options and completes them from the instance's.
 * @throws {TypeError} that names the option, its rule and the value.
 */
export function mountSettings<Request>(
  instance: OnceoverOptions<Request>,
  mount: MountOptions<Request> = {},
): MountSettings<Request> {
  check(mountSchema, mount, "mount options");
  const options: MountOptions<Request> = { ...instance.idempotency, ...withoutUndefined(mount) };
  return {
    required: options.required ?? false,
    methods: new Set((options.methods ?? ["POST", "PATCH"]).map((method) => method.toUpperCase())),
    effects: options.effects ?? "once",
    inFlight: options.inFlight ?? "wait",
    scope: options.scope ?? instance.scope,
    fingerprint: options.fingerprint ?? "request",
    recover: options.recover,
    onStoreDown: options.onStoreDown ?? "refuse",
    retentionMs: retentionMs(options.retention ?? instance.retention, instance.releaseWindow ?? 0),
    leaseMs: options.leaseMs ?? 15_000,
    maxBodyBytes: options.maxBodyBytes ?? 1_048_576,
    maxRecordBytes: options.maxRecordBytes ?? 1_048_576,
    replayHeaders: new Set((options.replayHeaders ?? []).map((name) => name.toLowerCase())),
  };
}

/** A record must outlive every retry that may still come: those of a release's last request, a day later. */
function retentionMs(retention: Duration | undefined, releaseWindow: Duration): number {
  const leastMs = Math.max(DAY_MS, (durationMs(releaseWindow) ?? 0) + DAY_MS);
  const chosenMs = retention === undefined ? leastMs : (durationMs(retention) ?? 0);
  if (chosenMs >= leastMs) return chosenMs;
  throw new TypeError(`retention must be at least ${leastMs / HOUR_MS}h (releaseWindow + 24h), got ${show(retention)}`);
}

function withoutUndefined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function check(schema: z.ZodMiniType, options: unknown, what: string): void {
  const checked = z.safeParse(schema, options);
  const [issue] = checked.success ? [] : checked.error.issues;
  if (issue === undefined) return;
  if (issue.code === "unrecognized_keys") throw new TypeError(`${what} must not contain ${issue.keys.join(", ")}`);
  if (issue.path.length === 0) throw new TypeError(`${what} must be an object, got ${show(options)}`);
  throw new TypeError(
    `${issue.path.map(String).join(".")} ${issue.message}, got ${show(valueAt(options, issue.path))}`,
  );
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, name) => (inner === undefined ? undefined : Reflect.get(Object(inner), name)),
    value,
  );
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" && value !== null ? (Array.isArray(value) ? "a list" : "an object") : String(value);
}
