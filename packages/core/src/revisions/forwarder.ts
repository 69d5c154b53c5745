/** Passes a request on to another revision of the service, and its answer back. */

import type { Answer } from "../answer.js";
import type { HeaderLine } from "../facts.js";
import type { PinProblemCode } from "../problem.js";

/** Where a request goes, and what goes with it. Made by core from configuration and registry, never from the request. */
export interface ForwardTarget {
  /** The revision it is meant for. */
  readonly revision: string;
  /** Origin of the instance, such as `http://10.0.3.7:8080`; allowed by the configuration. */
  readonly address: string;
  /** Header lines to send in place of what the request has under the same names: `Via`, for one. */
  readonly headers: readonly HeaderLine[];
  /** Is told of what went wrong, and gives the problem the lines that all answers of the service have. @default the problem as it is */
  failed?(problem: Answer, code: PinProblemCode, cause: unknown): Answer;
}

/**
 * Passes requests on, each as it comes and its answer as it comes. It is never asked twice for one request. What goes wrong it
 * answers itself: 503 `revision-unreachable` where nothing of the request has left, 502 `forward-failed` where some has. It
 * follows no redirects and never rejects.
 */
export interface Forwarder {
  /** For adapters on `Request` and `Response`. @throws {TypeError} where it takes none of these. */
  fetch(request: Request, target: ForwardTarget): Promise<Response>;
  /** For adapters on Node's own request and response. Resolves when the exchange is over. */
  node?(request: object, response: object, target: ForwardTarget): Promise<void>;
  /** For what Node's servers tell as `upgrade`: a request, its socket and what came behind the head. Resolves when the socket is closed. */
  upgrade?(request: object, socket: object, head: Uint8Array, target: ForwardTarget): Promise<void>;
}

/** A forwarder as it is given: for the adapters of one kind, or for those of both. */
export type GivenForwarder = Partial<Forwarder>;

/** The same, which refuses what it was not made for. */
export function wholeForwarder(given: GivenForwarder): Forwarder {
  if (isWhole(given)) return given;
  const { node, upgrade } = given;
  return {
    fetch: () =>
      Promise.reject(new TypeError("forwarder must be one for Request and Response, such as fetchForward()")),
    ...(node && { node: node.bind(given) }),
    ...(upgrade && { upgrade: upgrade.bind(given) }),
  };
}

function isWhole(given: GivenForwarder): given is Forwarder {
  return given.fetch !== undefined;
}
