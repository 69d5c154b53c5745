import type { ServerResponse } from "node:http";
import type { Mount, Pinned, PinnedExchange, Run, Verdict } from "@onceover/core";
import { sendAnswer, sendLive } from "./answer.js";
import { capture } from "./capture.js";
import { dress, pinnedOf, undress } from "./dress.js";
import { factsOf } from "./facts.js";
import type { NodeRequest } from "./node-request.js";
import { outliveConnection, seemConnected } from "./outlive.js";
import { isIntercepted } from "./stand-before.js";

/**
 * Takes one request through a mount: answers it, or calls `handle`, whose answer is captured where there is a run.
 * For adapters of frameworks that write to Node's own response.
 *
 * `fail` is called with what the application's own `scope` or `fingerprint` function threw; always an error.
 */
export function intercept<Request extends NodeRequest>(
  mount: Mount<Request>,
  request: Request,
  response: ServerResponse,
  fail: (error: Error) => void,
  handle: (run?: Run, pinned?: Pinned) => unknown,
): void {
  const act = (verdict: Verdict): unknown => {
    switch (verdict.action) {
      case "pass":
        dress(response, verdict.pinned);
        return within(verdict.pinned, handle);
      case "answer":
        undress(response);
        return sendAnswer(response, verdict.answer);
      case "join":
        undress(response);
        return sendLive(response, verdict.answer);
      case "run":
        seemConnected(request);
        dress(response, verdict.pinned);
        capture(response, verdict.run);
        return within(verdict.pinned, handle, verdict.run);
      case "forward":
        undress(response);
        return forward(request, response, verdict);
      // no default
    }
  };
  // Where a request passes several mounts, the first one counts.
  if (isIntercepted(response)) return void handle(undefined, pinnedOf(response));
  const verdict = mount.attempt(factsOf(request));
  if (!(verdict instanceof Promise)) return void act(verdict);
  outliveConnection(request);
  verdict.then(act).catch((thrown: unknown) => fail(errorOf(thrown)));
}

function within(
  pinned: PinnedExchange | undefined,
  handle: (run?: Run, pinned?: Pinned) => unknown,
  run?: Run,
): unknown {
  return pinned === undefined ? handle(run) : pinned.enter(() => handle(run, pinned.pinned));
}

/** The forwarder answers whatever goes wrong. @throws {TypeError} where it is none for Node. */
function forward(
  request: NodeRequest,
  response: ServerResponse,
  { forwarder, target }: Extract<Verdict, { action: "forward" }>,
): void {
  if (forwarder.node === undefined) throw new TypeError("forwarder must be one for Node, such as nodeForward()");
  void forwarder.node(request, response, target);
}

/** A framework may take what is no error for none, or for a word of its own, and call the handler without its key. */
function errorOf(thrown: unknown): Error {
  if (typeof thrown === "object" && thrown !== null) return thrown as Error;
  return new Error(`a function given to the mount threw ${String(thrown)}`, { cause: thrown });
}
