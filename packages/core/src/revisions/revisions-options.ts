import { check, type Rule, type Rules } from "../check-options.js";
import { type Duration, durationMs } from "../duration.js";
import { show } from "../show.js";
import { type AllowedAddresses, isOriginRule, originOf } from "./addresses.js";
import { INSTANCE_KEPT_MS } from "./announcer.js";
import type { GivenForwarder } from "./forwarder.js";
import type { PinGiving } from "./granting.js";
import type { PinKeys } from "./pin-keys.js";
import type { RevisionRegistry } from "./registry.js";
import type { OverrideRule } from "./steering.js";

/** What `revisions` is given. */
export interface RevisionsOptions {
  /** Where the revisions announce themselves to each other. */
  readonly registry: RevisionRegistry;
  /** Names this instance among all of the service: 1 to 60 of `[0-9A-Za-z._-]`. @default made up */
  readonly instance?: string | undefined;
  /** Origin at which other instances reach this one, such as `http://10.0.3.7:8080`. Without it nothing is forwarded here. */
  readonly address?: string | undefined;
  /** Origin at which clients reach this revision, for redirects. */
  readonly publicAddress?: string | undefined;
  /** The release this instance is part of; said in every answer. */
  readonly release?: string | undefined;
  /** Whether `X-Release: canary` and `X-Canary: true` mean this revision. @default false */
  readonly canary?: boolean | undefined;
  /** How often the instance is announced, in milliseconds; after three that did not come it counts as silent. @default 5000 */
  readonly heartbeatMs?: number | undefined;
  /**
   * Announces the instance with the requests it gets, where a platform has no timers between them. Elsewhere call
   * `once.pins.announce()`. @default false
   */
  readonly announceOnRequest?: boolean | undefined;
  /**
   * How a request gets to the revision that matches. `"forward"`: passed on, and its answer back. `"redirect"`: 307 to its
   * `publicAddress`. `"misdirect"`: 421, for a router in front. @default "forward" with a `forwarder`, else "misdirect"
   */
  readonly route?: "forward" | "redirect" | "misdirect" | undefined;
  /** Passes requests on: `nodeForward()` of `@onceover/node/forward`, or `fetchForward()`. */
  readonly forwarder?: GivenForwarder | undefined;
  /** The origins a request may be sent to, whatever the registry says: `http://10.0.3.7:8080`, `http://*.search.internal:8080`, or a function. */
  readonly addresses?: AllowedAddresses | undefined;
  /** Sign and verify revision pins: `createPinKeys()`. @default there are no revision pins */
  readonly keys?: PinKeys | undefined;
  /** Which answers give out a revision pin: server-sent events and NDJSON, all that no shared cache may keep, or none. @default "streams" */
  readonly givePins?: PinGiving | undefined;
  /** Whether the cookie `__Host-revision-pin` is read and set. @default true */
  readonly cookie?: boolean | undefined;
  /** How long a revision pin holds; at most 24 h. @default "1h" */
  readonly pinLifetime?: Duration | undefined;
  /** Until when this revision is promised to live; no pin of it holds longer. @default without end */
  readonly livesUntil?: Date | undefined;
  /** Who may steer a request by `X-Release` and `X-Canary`. @default nobody */
  readonly override?: OverrideRule | undefined;
  /** Whether `x-deployment-id`, `?dpl=` and the cookie `__vdpl` of Next.js count as revision pins; nobody has signed them. @default false */
  readonly deploymentId?: boolean | undefined;
}

const isText = (value: unknown): value is string => typeof value === "string";
const isFunction = (value: unknown) => typeof value === "function";
const has = (value: unknown, ...names: readonly string[]) =>
  typeof value === "object" && value !== null && names.every((name) => isFunction(Reflect.get(value, name)));

const BOOLEAN: Rule = [(value) => typeof value === "boolean", "must be true or false"];
const ORIGIN: Rule = [
  (value) => isText(value) && originOf(value) !== undefined,
  "must be an origin such as http://10.0.3.7:8080",
];

const RULES: Rules = {
  registry: [(value) => has(value, "write", "count", "list", "remove"), "must be a registry, such as memoryRegistry()"],
  instance: [(value) => isText(value) && /^[0-9A-Za-z._-]{1,60}$/.test(value), "must be 1 to 60 of [0-9A-Za-z._-]"],
  address: ORIGIN,
  publicAddress: ORIGIN,
  release: [(value) => isText(value) && /^[!-~]{1,128}$/.test(value), "must be 1 to 128 visible characters of ASCII"],
  canary: BOOLEAN,
  heartbeatMs: [
    (value) => Number.isSafeInteger(value) && Number(value) > 0,
    "must be a positive whole number of milliseconds",
  ],
  announceOnRequest: BOOLEAN,
  route: [
    (value) => ["forward", "redirect", "misdirect"].some((each) => each === value),
    'must be "forward", "redirect" or "misdirect"',
  ],
  forwarder: [(value) => has(value, "fetch") || has(value, "node"), "must be a forwarder, such as fetchForward()"],
  addresses: [
    (value) => isFunction(value) || (Array.isArray(value) && value.every((each) => isText(each) && isOriginRule(each))),
    "must be a list of origins, or a function",
  ],
  keys: [(value) => has(value, "sign", "verify"), "must be made by createPinKeys()"],
  givePins: [
    (value) => ["streams", "all", "none"].some((each) => each === value),
    'must be "streams", "all" or "none"',
  ],
  cookie: BOOLEAN,
  pinLifetime: [
    (value) => (durationMs(value) ?? 0) > 0 && Number(durationMs(value)) <= INSTANCE_KEPT_MS,
    'must be a duration above 0 and at most "24h"',
  ],
  livesUntil: [(value) => value instanceof Date && !Number.isNaN(value.getTime()), "must be a valid Date"],
  override: [
    (value) => value === "open" || value === "signed" || isFunction(value),
    'must be "open", "signed" or a function',
  ],
  deploymentId: BOOLEAN,
};

/** Checks the options, each and together. @throws {TypeError} that names the option, its rule and the value. */
export function checkRevisions(options: RevisionsOptions): void {
  check("revisions", RULES, options, ["registry"]);
  const { route, forwarder, addresses, override, keys, givePins } = options;
  if (route === "forward" && forwarder === undefined) {
    throw new TypeError('forwarder must be given with route: "forward", got undefined');
  }
  const sends = route === "redirect" || forwarder !== undefined;
  if (sends && addresses === undefined) {
    throw new TypeError("addresses must name the origins that requests may be sent to, got undefined");
  }
  const needed =
    override === "signed" ? "override" : givePins === "all" || givePins === "streams" ? "givePins" : undefined;
  if (needed !== undefined && keys === undefined)
    throw new TypeError(`keys must be given with ${needed}, got ${show(keys)}`);
}
