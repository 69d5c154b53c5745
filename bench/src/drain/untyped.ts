/** The packages of this bench that bring no types: as much of them as is used. */

import type { IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import type { Server } from "node:net";
import type { Duplex } from "node:stream";

const require = createRequire(import.meta.url);

/** `stoppable(server, graceMs)` gives the server a `stop`. */
export type Stoppable = (server: Server, graceMs: number) => { stop(): void };

export interface LilHttpTerminatorOptions {
  readonly server: Server;
  readonly gracefulTerminationTimeout: number;
  readonly maxWaitTimeout: number;
}

/** Never rejects. */
export type LilHttpTerminator = (options: LilHttpTerminatorOptions) => {
  terminate(): Promise<{ readonly success: boolean; readonly message: string }>;
};

/** The server's end of a WebSocket. */
export interface WebSocketConnection {
  on(event: "message", listener: (data: Buffer, isBinary: boolean) => void): void;
  on(event: "error", listener: () => void): void;
  send(data: Buffer, options: { readonly binary: boolean }): void;
}

/** `WebSocketServer` of ws 8. */
export interface WebSocketServer {
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    opened: (connection: WebSocketConnection) => void,
  ): void;
}

/** Loads stoppable. */
export function loadStoppable(): Stoppable {
  return loadFunction<Stoppable>("stoppable", require("stoppable"));
}

/** Loads lil-http-terminator. */
export function loadLilHttpTerminator(): LilHttpTerminator {
  return loadFunction<LilHttpTerminator>("lil-http-terminator", require("lil-http-terminator"));
}

/** Makes a WebSocket server that is handed each upgrade. */
export function openWebSocketServer(): WebSocketServer {
  const { WebSocketServer } = require("ws") as { WebSocketServer: unknown };
  const Class = loadFunction<new (options: { noServer: true }) => WebSocketServer>("ws", WebSocketServer);
  return new Class({ noServer: true });
}

function loadFunction<Loaded>(name: string, loaded: unknown): Loaded {
  if (typeof loaded === "function") return loaded as Loaded;
  throw new Error(`the package ${name} does not export what this bench knows it by`);
}
