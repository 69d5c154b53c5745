import type { Dispatcher } from "undici";

/** Options of `nodeForward`. */
export interface NodeForwardOptions {
  /**
   * What requests are sent by: a dispatcher of undici. It is not closed.
   * @default an Agent made for the first request: connections kept alive, one request at a time on each
   */
  readonly dispatcher?: Dispatcher | undefined;
  /** How long to wait for the head of an answer, in milliseconds. @default 300000, or what `dispatcher` has */
  readonly headersTimeoutMs?: number | undefined;
  /** How long to wait for a connection, in milliseconds; a `dispatcher` has its own. @default 3000 */
  readonly connectTimeoutMs?: number | undefined;
}

/** How long an upgrade may take. */
export type TunnelLimits = Pick<NodeForwardOptions, "headersTimeoutMs" | "connectTimeoutMs">;

/** The options with their defaults in place. */
export interface ForwardSettings {
  readonly dispatcher: Dispatcher | undefined;
  /** Left to the dispatcher where there is one. */
  readonly headersTimeoutMs: number | undefined;
  readonly connectTimeoutMs: number;
}

const HEADERS_TIMEOUT_MS = 300_000;
const CONNECT_TIMEOUT_MS = 3000;
const NAMES = ["dispatcher", "headersTimeoutMs", "connectTimeoutMs"] as const;

/** Throws a TypeError that names the option, its rule and what was given. */
export function checkForwardOptions(options: NodeForwardOptions): ForwardSettings {
  const stranger = Object.keys(options).find((name) => !NAMES.some((each) => each === name));
  if (stranger !== undefined) throw new TypeError(`nodeForward has no option ${stranger}; it has ${NAMES.join(", ")}`);
  const { dispatcher, connectTimeoutMs } = options;
  const limits = checkLimits(options);
  if (dispatcher === undefined) return { ...limits, dispatcher };
  if (typeof Object(dispatcher).dispatch !== "function") {
    throw new TypeError(`dispatcher must be a Dispatcher of undici, got ${String(dispatcher)}`);
  }
  if (connectTimeoutMs !== undefined) {
    throw new TypeError(
      `connectTimeoutMs must be left out beside a dispatcher, which has its own, got ${connectTimeoutMs}`,
    );
  }
  return { ...limits, dispatcher, headersTimeoutMs: options.headersTimeoutMs };
}

/** The same for what an upgrade has of them. */
export function checkLimits({ headersTimeoutMs, connectTimeoutMs }: TunnelLimits): Limits {
  return {
    headersTimeoutMs: milliseconds("headersTimeoutMs", headersTimeoutMs ?? HEADERS_TIMEOUT_MS),
    connectTimeoutMs: milliseconds("connectTimeoutMs", connectTimeoutMs ?? CONNECT_TIMEOUT_MS),
  };
}

/** The same with their defaults in place. */
export interface Limits {
  readonly headersTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** Timers of Node take no more; undici takes whole ones only. */
function milliseconds(name: string, value: unknown): number {
  if (Number.isInteger(value) && Number(value) > 0 && Number(value) <= 2_147_483_647) return Number(value);
  throw new TypeError(`${name} must be a positive whole number of milliseconds below 2^31, got ${String(value)}`);
}
