import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Forwarder, ForwardTarget } from "@onceover/core/revisions";
import type { Dispatcher } from "undici";
import { isGone } from "./client-gone.js";
import { Exchange } from "./exchange.js";
import { checkForwardOptions, type NodeForwardOptions } from "./forward-options.js";
import type { NodeRequest } from "./node-request.js";
import { destinationOf, requestLines } from "./passed-lines.js";
import { type DispatchOptions, dispatchRaw } from "./raw-dispatch.js";
import { type Body, bodyOf } from "./request-body.js";
import { watchEndings } from "./socket-endings.js";
import { tunnelUpgrade } from "./tunnel.js";
import { makeAgent, servernameOf } from "./upstream-agent.js";

/** A forwarder for adapters on Node's own request and response, of HTTP/1 and HTTP/2, and for upgrades. */
export type NodeForwarder = Required<Pick<Forwarder, "node" | "upgrade">>;

/**
 * Makes a forwarder that streams requests to another revision over HTTP/1.1, and its answers back.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * const forward = nodeForward({ headersTimeoutMs: 60_000 });
 */
export function nodeForward(options: NodeForwardOptions = {}): NodeForwarder {
  const { dispatcher, headersTimeoutMs, connectTimeoutMs } = checkForwardOptions(options);
  let used = dispatcher;
  watchEndings();
  return {
    node(request, response, target) {
      used ??= makeAgent(connectTimeoutMs);
      // They are what the adapter was given by its server; core, which hands them on, does not know of Node.
      return forward(used, headersTimeoutMs, request as NodeRequest, response as ServerResponse, target);
    },
    upgrade(request, socket, head, target) {
      const limits = { headersTimeoutMs, connectTimeoutMs };
      return tunnelUpgrade(request as IncomingMessage, socket as Duplex, head, target, limits);
    },
  };
}

function forward(
  dispatcher: Dispatcher,
  headersTimeoutMs: number | undefined,
  request: NodeRequest,
  response: ServerResponse,
  target: ForwardTarget,
): Promise<void> {
  return new Promise((resolve) => {
    if (isGone(response)) return resolve();
    const exchange = new Exchange(request, response, target, resolve);
    const body = bodyOf(request);
    if (body.outcome === "consumed") return exchange.refuse("The body was read before it could be passed on.");
    try {
      dispatchRaw(dispatcher, optionsOf(request, target, body, headersTimeoutMs), exchange);
    } catch (error) {
      // The dispatcher is somebody else's.
      exchange.onError(error);
    }
  });
}

function optionsOf(
  request: NodeRequest,
  target: ForwardTarget,
  body: Exclude<Body, { outcome: "consumed" }>,
  headersTimeoutMs: number | undefined,
): DispatchOptions {
  const { path, host } = destinationOf(request);
  return {
    origin: target.address,
    path,
    method: request.method ?? "GET",
    headers: requestLines(request, host, target),
    body: body.outcome === "none" ? null : body.outcome === "bytes" ? body.bytes : body.stream,
    // Neither behind another request on its connection nor ever sent again: what it does is not known here.
    idempotent: false,
    headersTimeout: headersTimeoutMs ?? null,
    // Streams may be silent for as long as they like.
    bodyTimeout: 0,
    servername: servernameOf(target.address),
  };
}
