import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import {
  checkHandler,
  type MountOptions,
  mountOf,
  type Once,
  type Onceover,
  type Pinned,
  problemAnswer,
} from "@onceover/core";
import { sendAnswer } from "./answer.js";
import { intercept } from "./intercept.js";
import type { NodeRequest, NodeResponse } from "./node-request.js";

/** What `createServer` of `node:http`, `node:https` and `node:http2` takes. */
export type NodeListener<Request extends NodeRequest = IncomingMessage> = (
  request: Request,
  response: NodeResponse<Request>,
) => void;

/**
 * A listener; it may be an async function. `once` is there for a request that carries an idempotency key, `pinned` where the
 * instance has pins.
 */
export type OnceListener<Request extends NodeRequest = IncomingMessage> = (
  request: Request,
  response: NodeResponse<Request>,
  once?: Once,
  pinned?: Pinned,
) => unknown;

/**
 * Makes a listener of `node:http`, `node:https` or `node:http2` idempotent; which one is said by the type of `once`.
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
export function onceover<Request extends NodeRequest>(
  once: Onceover<Request>,
  listener: OnceListener<Request>,
  options?: MountOptions<Request>,
): NodeListener<Request> {
  const mount = mountOf(once, options);
  checkHandler("listener", listener);
  return function onceover(request, given) {
    const response = asHttp1(given);
    const failed = () => sendAnswer(response, problemAnswer("handler-failed"));
    intercept(mount, request, response, failed, (run, pinned) => {
      if (run === undefined) return listener(request, given, undefined, pinned);
      return call(() => listener(request, given, run.once, pinned)).catch((error: unknown) => {
        run.failed(error);
        if (response.writableEnded) return;
        if (response.headersSent) response.destroy();
        else failed();
      });
    });
  };
}

/** What is done with it, the compatibility API has as well; where it has not, its version is looked at. */
function asHttp1(response: ServerResponse | Http2ServerResponse): ServerResponse {
  return response as ServerResponse;
}

/** Turns what is thrown at once into what is thrown later. */
async function call(listener: () => unknown): Promise<void> {
  await listener();
}
