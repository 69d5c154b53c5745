import {
  type HeaderLine,
  type MountOptions,
  mountOf,
  type Once,
  type Onceover,
  type Pinned,
  type PinnedExchange,
  type Run,
} from "@onceover/core";
import {
  answerOf,
  contextAmong,
  factsOf,
  handOn,
  keepAlive,
  TakenBody,
  toLiveResponse,
  toResponse,
} from "@onceover/fetch";
import type { Context, MiddlewareHandler, Next } from "hono";
import { keptBody } from "./kept-body.js";
import { lendBody } from "./lend-body.js";
import { watchTexts } from "./made-texts.js";

/** What `c.get("once")` gives: this run of the request's idempotency key; absent where the request carries none. */
export interface OnceoverVariables {
  once?: Once;
  /** The pins this request was let in by; absent where the instance has none. */
  pinned?: Pinned;
}

/**
 * Makes a Hono application or route idempotent: `app.use(onceover(once))` behind authentication, before or after
 * validators. Where a request passes several mounts, the first one counts.
 *
 * What `scope` and `fingerprint` functions throw goes to the application's `onError`; no key is claimed then. So does what a
 * handler throws; the answer made of it is recorded like any other.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * app.post("/payments", onceover(once, { required: true }), async (c) => {
 *   return c.json(await charge(await c.req.json(), c.get("once")?.effectKey("charge")), 201);
 * });
 */
export function onceover(
  once: Onceover<Context>,
  options?: MountOptions<Context>,
): MiddlewareHandler<{ Variables: OnceoverVariables }> {
  const mount = mountOf(once, options);
  return async function onceover(c, next) {
    if (c.get("once") !== undefined) return next();
    const body = new TakenBody(c.req.raw, () => keptBody(c.req));
    const arriving = mount.attempt(factsOf<Context>(c.req.raw, body, c));
    keepAlive(arriving, () => contextAmong(contexts(c)));
    const verdict = await arriving;
    switch (verdict.action) {
      case "pass":
        return verdict.pinned === undefined ? next() : within(c, verdict.pinned, next);
      case "answer":
        return replace(
          c,
          beside(linesBefore(c), (lines) => toResponse(verdict.answer, lines)),
        );
      case "join":
        return replace(
          c,
          beside(linesBefore(c), (lines) => toLiveResponse(verdict.answer, lines)),
        );
      case "run": {
        const { run, pinned } = verdict;
        return pinned === undefined ? runOn(c, next, body, run) : within(c, pinned, () => runOn(c, next, body, run));
      }
      case "forward":
        return replace(c, await verdict.forwarder.fetch(c.req.raw, verdict.target));
      // no default
    }
  };
}

/** Has the handler called by whatever knows its pins, and its answer say what they are. */
async function within(
  c: Context<{ Variables: OnceoverVariables }>,
  pinned: PinnedExchange,
  handle: () => Promise<void>,
): Promise<void> {
  c.set("pinned", pinned.pinned);
  await pinned.enter(handle);
  const dressed = pinned.dressResponse(c.res);
  if (dressed !== c.res) replace(c, dressed);
}

async function runOn(
  c: Context<{ Variables: OnceoverVariables }>,
  next: Next,
  body: TakenBody,
  run: Run,
): Promise<void> {
  const { raw } = c.req;
  const outgoing = { already: linesBefore(c), clientGone: () => raw.signal, textOf: watchTexts(c) };
  const handedOn = () => handOn(raw, body, run.once);
  if (body.bytes === undefined) c.req.raw = handedOn();
  else lendBody(c.req, body, body.bytes, handedOn);
  c.set("once", run.once);
  replace(c, await answerOf(run, () => answered(c, next, run), outgoing));
}

/** What the application answers, its error handling included. */
async function answered(c: Context, next: Next, run: Run): Promise<Response> {
  await next();
  if (!c.finalized) throw new TypeError("the handler returned no Response");
  // An exception may be the application's way of saying 401.
  if (c.error !== undefined && c.res.status >= 500) run.failed(c.error);
  return c.res;
}

/** The fields that stand before the handler is called; `c.res` would show them, too, but change what they become. */
function linesBefore(c: Context): HeaderLine[] {
  return [...c.newResponse(null).headers];
}

/** An answer of ours, whose cookies, and what it varies by, stand beside those of middleware in front. */
function beside(before: readonly HeaderLine[], make: (before: readonly HeaderLine[]) => Response): Response {
  const response = make(before);
  for (const [name, value] of before) {
    const isHidden = /^(?:set-cookie|vary)$/.test(name) && response.headers.get(name)?.includes(value) !== true;
    if (isHidden) response.headers.append(name, value);
  }
  return response;
}

/** A response that is put in the place of another one inherits its fields. */
function replace(c: Context, response: Response): void {
  c.res = undefined;
  c.res = response;
}

/**
 * Where there is no execution context, asking for it throws: in tests, and on Node, which is told by its own response among
 * the bindings, since to throw costs as much as to hash the body.
 */
function contexts(c: Context): readonly unknown[] {
  if (c.env?.outgoing?.writableEnded === false) return [];
  try {
    return [c.executionCtx];
  } catch {
    return [];
  }
}
