/** The little of ws that the tests of tunnels need; it comes without types. */
import type { EventEmitter } from "node:events";
import type { Server } from "node:http";
import { createRequire } from "node:module";

/** One end of a WebSocket. */
export interface WebSocketEnd extends EventEmitter {
  readonly extensions: string;
  readonly protocol: string;
  send(data: string | Buffer, options?: { readonly binary: boolean }): void;
  close(code?: number, reason?: string): void;
  /** Destroys the connection. */
  terminate(): void;
}

interface Ws {
  readonly WebSocket: new (url: string, protocols: readonly string[], options?: object) => WebSocketEnd;
  readonly WebSocketServer: new (options: {
    readonly server: Server;
    readonly [name: string]: unknown;
  }) => EventEmitter;
}

export const { WebSocket, WebSocketServer } = createRequire(import.meta.url)("ws") as Ws;
