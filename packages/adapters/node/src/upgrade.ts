import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { checkHandler, type MountOptions, mountOf, type Onceover, type Pinned, type Verdict } from "@onceover/core";
import { pinProblemAnswer } from "@onceover/core/revisions";
import { factsOf } from "./facts.js";
import { sendProblem } from "./upgrade-answer.js";

/** What a server of `node:http` or `node:https` tells its listeners of `upgrade`. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A listener; it may be an async function. `pinned` is there where the instance has pins. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer, pinned?: Pinned) => unknown;

/** Options of `onUpgrade`. */
export type UpgradeOptions = Pick<MountOptions, "pins">;

/**
 * Judges the pins of an upgrade, such as the one to a WebSocket, before the application sees it: for a server's event `upgrade`.
 * What is refused is answered, and what is meant for another revision is passed on, by a forwarder that can: `nodeForward()`.
 *
 * An upgrade has no key, and nothing of it is recorded. What the handler throws, or rejects with, ends the connection and is told
 * as a warning of the process.
 *
 * @param options `pins`: as for a mount. @default what `pins()` was told
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * const sockets = new WebSocketServer({ noServer: true });
 * server.on("upgrade", onUpgrade(once, (request, socket, head, pinned) => {
 *   sockets.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, pinned?.live.indexHash));
 * }));
 */
export function onUpgrade<Request>(
  once: Onceover<Request>,
  handler: UpgradeHandler,
  options: UpgradeOptions = {},
): UpgradeListener {
  const mount = mountOf(once, { ...options, methods: [] });
  checkHandler("handler", handler);

  async function listen(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // The framework's own request is asked for by functions about keys alone, and none counts here.
    const verdict = await mount.attempt({ ...factsOf(request), request: request as never });
    if (!socket.destroyed) await act(verdict, request, socket, head);
  }

  async function act(verdict: Verdict, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<unknown> {
    switch (verdict.action) {
      case "pass": {
        const { pinned } = verdict;
        if (pinned === undefined) return handler(request, socket, head);
        return pinned.enter(() => handler(request, socket, head, pinned.pinned));
      }
      case "answer":
        return sendProblem(request, socket, verdict.answer);
      case "forward":
        return verdict.forwarder.upgrade?.(request, socket, head, verdict.target) ?? refuse(request, socket);
      case "run":
      case "join":
        throw new TypeError("an upgrade has no key, and was taken for one that has");
      // no default
    }
  }

  return function onUpgrade(request, socket, head) {
    // Whoever breaks off while it is judged is not heard by the application, and what nobody hears ends the process.
    socket.on("error", () => {});
    listen(request, socket, head).catch((error: unknown) => {
      socket.destroy();
      process.emitWarning(error instanceof Error ? error : `an upgrade's handler threw ${String(error)}`);
    });
  };
}

function refuse(request: IncomingMessage, socket: Duplex): void {
  const detail = "Upgrades cannot be passed on from here.";
  sendProblem(request, socket, pinProblemAnswer("forward-failed", { detail, members: { executed: false } }));
}
