import { type MountOptions, mountOf, type Once, type Onceover, type Pinned } from "@onceover/core";
import { intercept } from "@onceover/node";
import type { Request, RequestHandler } from "express";

declare global {
  namespace Express {
    interface Request {
      /**
       * This run of the request's idempotency key; absent where the request carries none. (`req.once` is taken: it is
       * the method of every event emitter.)
       */
      onceover?: Once;
      /** The pins this request was let in by; absent where the instance has none. */
      pinned?: Pinned;
    }
  }
}

/**
 * Makes an Express application, router or route idempotent: `app.use(onceover(once))` behind authentication, before or
 * after body parsers. Where a request passes several mounts, the first one counts.
 *
 * What `scope` and `fingerprint` functions throw goes to Express's error handling; no key is claimed then.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * app.post("/payments", onceover(once, { required: true }), async (req, res) => {
 *   res.status(201).json(await charge(req.body, req.onceover?.effectKey("charge")));
 * });
 */
export function onceover(once: Onceover<Request>, options?: MountOptions<Request>): RequestHandler {
  const mount = mountOf(once, options);
  return function onceover(request, response, next) {
    intercept(mount, request, response, next, (run, pinned) => {
      if (pinned !== undefined) request.pinned = pinned;
      if (run !== undefined) request.onceover = run.once;
      next();
    });
  };
}
