import {
  checkHandler,
  type MountOptions,
  mountOf,
  type Onceover,
  type PinnedExchange,
  problemAnswer,
  type Run,
} from "@onceover/core";
import { toLiveResponse, toResponse } from "./answer.js";
import { TakenBody } from "./body.js";
import { capture, type Outgoing } from "./capture.js";
import { contextAmong, keepAlive } from "./context.js";
import { factsOf } from "./facts.js";
import { handOn, isHandedOn, type OnceoverRequest } from "./hand-on.js";
import { onLateAbort } from "./on-abort.js";

/** A fetch handler; `rest` is whatever the runtime adds, such as `env` and `ctx`. */
export type OnceoverHandler<Incoming extends Request, Rest extends readonly unknown[]> = (
  request: OnceoverRequest<Incoming>,
  ...rest: Rest
) => Response | Promise<Response>;

/**
 * Makes a fetch handler idempotent: Workers, `Deno.serve`, `Bun.serve`, Next.js route handlers.
 *
 * `request.once` is the run; it is absent where the request carries no key, and then request and answer pass untouched.
 * What the handler throws for a request that carries a key becomes a 500 problem and the event `handler-failed`; for any
 * other request nothing is changed. What `scope` and `fingerprint` functions throw rejects; no key is claimed then. A
 * `waitUntil` among the arguments keeps the runtime at work until the run is recorded.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * export default {
 *   fetch: withOnceover(once, async (request, env, ctx) => {
 *     return Response.json(await charge(env, request.once?.effectKey("charge")), { status: 201 });
 *   }),
 * };
 */
export function withOnceover<Incoming extends Request, Rest extends readonly unknown[]>(
  once: Onceover<Request>,
  handler: OnceoverHandler<Incoming, Rest>,
  options?: MountOptions<Request>,
): (request: Incoming, ...rest: Rest) => Promise<Response> {
  const mount = mountOf(once, options);
  checkHandler("handler", handler);
  return async function onceover(request, ...rest) {
    if (isHandedOn(request)) return handler(request, ...rest);
    const body = new TakenBody(request);
    const arriving = mount.attempt(factsOf<Request>(request, body, request));
    keepAlive(arriving, () => contextAmong(rest));
    const verdict = await arriving;
    switch (verdict.action) {
      case "pass":
        return (verdict.pinned ?? UNPINNED).serve(async (lend) => handler(lend(request), ...rest));
      case "answer":
        return toResponse(verdict.answer);
      case "join":
        return toLiveResponse(verdict.answer);
      case "run": {
        const { run, pinned = UNPINNED } = verdict;
        return pinned.serve((lend) => {
          const call = async () => handler(lend(handOn(request, body, run.once)), ...rest);
          return answerOf(run, call, { clientGone: () => request.signal });
        });
      }
      case "forward":
        return verdict.forwarder.fetch(request, verdict.target);
      // no default
    }
  };
}

/** How a request is served where the instance has no pins. */
const UNPINNED: Pick<PinnedExchange, "serve"> = { serve: (answer) => answer((request) => request) };

/** The answer of a handler that was called for a run; a failure is answered, and recorded, as a 500 problem. */
export async function answerOf(run: Run, call: () => Promise<Response>, outgoing: Outgoing): Promise<Response> {
  const attend = onLateAbort(outgoing.clientGone, () => run.detach(() => {}));
  try {
    const response = await call();
    return await capture(run, response, outgoing);
  } catch (error) {
    run.failed(error);
    return capture(run, toResponse(problemAnswer("handler-failed")), outgoing);
  } finally {
    attend();
  }
}
