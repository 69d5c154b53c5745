import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { type MountOptions, type Once, type Onceover, problemAnswer } from "@onceover/core";
import { sendAnswer } from "./answer.js";
import { intercept } from "./intercept.js";

/** A `node:http` listener; it may be an async function. `once` is there for a request that carries an idempotency key. */
export type OnceListener = (request: IncomingMessage, response: ServerResponse, once?: Once) => unknown;

/**
 * Makes a `node:http` listener idempotent.
 *
 * What a listener throws, or rejects with, for a request that carries a key becomes a 500 problem and the event
 * `handler-failed`; for any other request nothing is changed.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * createServer(onceover(once, async (request, response, run) => {
 *   response.end(await charge(run?.effectKey("charge")));
 * }));
 */
export function onceover(
  once: Onceover<IncomingMessage>,
  listener: OnceListener,
  options?: MountOptions<IncomingMessage>,
): RequestListener {
  const mount = once.mount(options);
  return function onceover(request, response) {
    const failed = () => sendAnswer(response, problemAnswer("handler-failed"));
    intercept(mount, request, response, failed, (run) => {
      if (run === undefined) return listener(request, response);
      return call(listener, request, response, run.once).catch((error: unknown) => {
        run.failed(error);
        if (response.writableEnded) return;
        if (response.headersSent) response.destroy();
        else failed();
      });
    });
  };
}

/** Turns what is thrown at once into what is thrown later. */
async function call(
  ...[listener, request, response, once]: [OnceListener, ...Parameters<OnceListener>]
): Promise<void> {
  await listener(request, response, once);
}
