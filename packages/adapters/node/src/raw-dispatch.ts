/**
 * Asks a dispatcher in the way in which it hands out header lines as they came. undici 7 does so by its older handlers, and
 * merges the lines of a name for newer ones; undici 8 has the newer ones alone, and the lines beside them.
 */

import type { Dispatcher } from "undici";

/** What is told of an exchange, in the words of undici's older handlers. */
export interface RawHandler {
  /** A connection is there, and the request about to be written. */
  onConnect(abort: (error?: Error) => void): void;
  /** Gives whether more may come at once. `raw` has names and values in turn. */
  onHeaders(status: number, raw: readonly RawText[], resume: () => void, message: string): boolean;
  /** Gives whether more may come at once. */
  onData(chunk: Uint8Array): boolean;
  onComplete(raw: readonly RawText[] | null): void;
  onError(error: unknown): void;
}

/** A name or a value; interceptors may have put the values of one name together. */
export type RawText = string | Uint8Array | readonly (string | Uint8Array)[];

/** What a request is sent with, and how. */
export type DispatchOptions = Dispatcher.DispatchOptions & {
  readonly origin: string;
  /** For the certificate of an address with `https:`. */
  readonly servername?: string | undefined;
};

/** Sends a request; what becomes of it the handler is told. */
export function dispatchRaw(dispatcher: Dispatcher, options: DispatchOptions, handler: RawHandler): void {
  const isOld = takesOldHandlers(dispatcher);
  dispatcher.dispatch(options, isOld ? (handler as Dispatcher.DispatchHandler) : newHandler(handler));
}

/** Names and values in turn, as texts with one character for each byte. */
export function textsOf(raw: readonly RawText[] | null): string[] {
  const texts: string[] = [];
  for (let at = 0; raw !== null && at + 1 < raw.length; at += 2) {
    const [name = "", value = ""] = [raw[at], raw[at + 1]];
    const values = typeof value === "string" || value instanceof Uint8Array ? [value] : value;
    for (const each of values) texts.push(textOf(name), textOf(each));
  }
  return texts;
}

function textOf(text: RawText): string {
  return typeof text === "string" ? text : Buffer.from(text as Uint8Array).toString("latin1");
}

const KINDS = new WeakMap<Dispatcher, boolean>();

/** Found out by a request that no dispatcher can send: which one of its handlers is told so. */
function takesOldHandlers(dispatcher: Dispatcher): boolean {
  const known = KINDS.get(dispatcher);
  if (known !== undefined) return known;
  let isOld = false;
  const onError = () => {
    isOld = true;
  };
  try {
    dispatcher.dispatch({} as Dispatcher.DispatchOptions, { onError, onResponseError() {} });
  } catch {
    // One that throws where it should tell, as those made for tests do, is told by the newer handlers, which all know.
  }
  KINDS.set(dispatcher, isOld);
  return isOld;
}

type Lines = Readonly<Record<string, string | string[] | undefined>>;

function newHandler(handler: RawHandler): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      handler.onConnect((error) => controller.abort(error ?? new Error("the exchange was broken off")));
    },
    onResponseStart(controller, status, headers, message = "") {
      const raw = rawOf(controller, "rawHeaders", headers);
      const mayGoOn = handler.onHeaders(status, raw, () => controller.resume(), message);
      if (!mayGoOn) controller.pause();
    },
    onResponseData(controller, chunk) {
      if (!handler.onData(chunk)) controller.pause();
    },
    onResponseEnd(controller, trailers) {
      handler.onComplete(rawOf(controller, "rawTrailers", trailers));
    },
    onResponseError(_controller, error) {
      handler.onError(error);
    },
  };
}

/** The lines as they came; interceptors may have left none but the merged ones. */
function rawOf(controller: object, name: "rawHeaders" | "rawTrailers", merged: Lines): readonly RawText[] {
  const raw: unknown = Reflect.get(controller, name);
  if (Array.isArray(raw)) return raw;
  return Object.entries(merged ?? {}).flatMap(([key, value = ""]): RawText[] => [key, value]);
}
