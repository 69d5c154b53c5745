import { type DrainPlan, planDrain } from "@onceover/core/drain";
import type { NodeRequest } from "../node-request.js";
import type { DrainEndpoints, DrainHooks, DrainOptions } from "./drain-options.js";

/** The options with their defaults in place. */
export interface DrainSettings {
  readonly plan: DrainPlan;
  isEndless(request: NodeRequest): boolean;
  readonly retryMs: number;
  /** In lower case; `undefined` is the standard one. */
  readonly keyHeaders: readonly string[] | undefined;
  readonly signals: readonly NodeJS.Signals[];
  readonly exit: boolean;
  readonly endpoints: Required<Omit<DrainEndpoints, "token">> & Pick<DrainEndpoints, "token">;
  readonly hooks: DrainHooks;
  readonly announced: DrainOptions["announced"];
}

const HOOKS = ["onHold", "onDrain", "onLate", "onStreamEnd", "onFarewell", "onClosed"] as const;
const NAMES = [
  ...HOOKS,
  "plan",
  "isEndless",
  "retryMs",
  "keyHeaders",
  "signals",
  "exit",
  "endpoints",
  "announced",
] as const;
const PATHS = { readiness: "/readyz", liveness: "/livez", start: "/drain/start", wait: "/drain/wait" } as const;

/**
 * Looks at each option once.
 * @throws {TypeError} that names the option, its rule and the value.
 */
export function drainSettings(options: DrainOptions): DrainSettings {
  knowAll("drainable", options, NAMES);
  for (const name of [...HOOKS, "isEndless" as const]) {
    rule(name, options[name], (value) => typeof value === "function", "must be a function");
  }
  const plan = planDrain(process.env, options.plan);
  const { signals = [plan.signal], keyHeaders, exit = false, retryMs = 1000 } = options;
  rule("signals", signals, areTexts, "must be a list of names of signals");
  rule("keyHeaders", keyHeaders, areTexts, "must be a list of header names");
  rule("exit", exit, (value) => typeof value === "boolean", "must be true or false");
  rule("retryMs", retryMs, isMilliseconds, MILLISECONDS);
  const { announced } = options;
  rule("announced", announced, isAnnouncing, "must be what once.pins.announce() gave");
  return {
    plan,
    isEndless: options.isEndless ?? (() => false),
    retryMs,
    keyHeaders: keyHeaders?.map((name) => name.toLowerCase()),
    signals,
    exit,
    endpoints: endpointsOf(options.endpoints ?? {}),
    hooks: Object.fromEntries(HOOKS.map((name) => [name, options[name]])),
    announced,
  };
}

const MILLISECONDS = "must be a positive whole number of milliseconds below 2^31";

const TOKEN = "must be a text of at least 16 characters";

function lengthOf(text: unknown): string | number {
  return typeof text === "string" ? text.length : typeof text;
}

function endpointsOf({ token, ...paths }: DrainEndpoints): DrainSettings["endpoints"] {
  knowAll("endpoints", paths, Object.keys(PATHS));
  for (const [name, path] of Object.entries(paths)) {
    rule(
      name,
      path,
      (value) => typeof value === "string" && value.startsWith("/"),
      'must be a path that begins with "/"',
    );
  }
  // Nothing of a secret is shown.
  rule("token", token === undefined ? undefined : lengthOf(token), (value) => Number(value) >= 16, TOKEN);
  return {
    readiness: paths.readiness ?? PATHS.readiness,
    liveness: paths.liveness ?? PATHS.liveness,
    start: paths.start ?? PATHS.start,
    wait: paths.wait ?? PATHS.wait,
    token,
  };
}

function knowAll(what: string, given: object, names: readonly string[]): void {
  const stranger = Object.keys(given).find((name) => !names.includes(name));
  if (stranger !== undefined) throw new TypeError(`${what} has no option ${stranger}; it has ${names.join(", ")}`);
}

function rule(name: string, value: unknown, holds: (value: unknown) => boolean, words: string): void {
  if (value !== undefined && !holds(value)) throw new TypeError(`${name} ${words}, got ${String(value)}`);
}

function isMilliseconds(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) <= 2_147_483_647;
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string" && each !== "");
}

function isAnnouncing(value: unknown): boolean {
  return typeof Object(value).become === "function" && typeof Object(value).stop === "function";
}
