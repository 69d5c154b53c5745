import type { ServerResponse } from "node:http";
import type { Mount, Run, Verdict } from "@onceover/core";
import { sendAnswer, sendLive } from "./answer.js";
import { capture } from "./capture.js";
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
  handle: (run?: Run) => unknown,
): void {
  const act = (verdict: Verdict): unknown => {
    switch (verdict.action) {
      case "pass":
        return handle();
      case "answer":
        return sendAnswer(response, verdict.answer);
      case "join":
        return sendLive(response, verdict.answer);
      case "run":
        seemConnected(request);
        capture(response, verdict.run);
        return handle(verdict.run);
      // no default
    }
  };
  // Where a request passes several mounts, the first one counts.
  if (isIntercepted(response)) return void handle();
  const verdict = mount.attempt(factsOf(request));
  if (!(verdict instanceof Promise)) return void act(verdict);
  outliveConnection(request);
  verdict.then(act).catch((thrown: unknown) => fail(errorOf(thrown)));
}

/** A framework may take what is no error for none, or for a word of its own, and call the handler without its key. */
function errorOf(thrown: unknown): Error {
  if (typeof thrown === "object" && thrown !== null) return thrown as Error;
  return new Error(`a function given to the mount threw ${String(thrown)}`, { cause: thrown });
}
