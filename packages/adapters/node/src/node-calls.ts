/** What the methods of a Node response are given, and what Node itself answers to what it cannot do. */

import type { Readable } from "node:stream";

/** Called when a piece has left. */
export type Callback = (error?: Error | null) => void;

/** Whether Node would send such a head. */
export function isSendable(status: number, message: string | undefined): boolean {
  return status >= 100 && status <= 999 && !/[^\t\x20-\x7e\x80-\xff]/.test(message ?? "");
}

/** Whether it is a piece of a body. */
export function isChunk(chunk: unknown): chunk is string | Uint8Array {
  return typeof chunk === "string" || chunk instanceof Uint8Array;
}

/** What `write` and `end` are given behind the chunk. */
export function optionsOf(rest: readonly unknown[]): {
  encoding: BufferEncoding | undefined;
  callback: Callback | undefined;
} {
  const encoding = rest.find((each): each is BufferEncoding => typeof each === "string");
  return { encoding, callback: rest.find((each): each is Callback => typeof each === "function") };
}

/** Whether it is a source that is piped. */
export function isReadable(source: unknown): source is Readable {
  return typeof source === "object" && source !== null && "readableEnded" in source && "once" in source;
}

/** What Node does with a write that comes too late. */
export function refuseWrite(callback: Callback | undefined): boolean {
  const error = Object.assign(new Error("write after end"), { code: "ERR_STREAM_WRITE_AFTER_END" });
  if (callback !== undefined) process.nextTick(callback, error);
  return false;
}

/** Takes a write for done that nobody is to see: the handler goes on for a while, and hears by `close` that it need not. */
export function dropWrite(rest: readonly unknown[]): true {
  const { callback } = optionsOf(rest);
  if (callback !== undefined) process.nextTick(callback);
  return true;
}

/** What Node throws at a head that comes too late. */
export function headersSent(): Error {
  return Object.assign(new Error("Cannot write headers after they are sent to the client"), {
    code: "ERR_HTTP_HEADERS_SENT",
  });
}
