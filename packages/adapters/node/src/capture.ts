/**
 * What a Node response really sends, taken where every framework ends up: `writeHead`, `write` and `end`.
 *
 * Each byte leaves as soon as the handler sends it, but the last one: the chunk that completes a declared
 * `Content-Length`, or `end()` itself, is held until the run says that the answer is recorded. A client that hangs up
 * is kept from the handler, whose answer is still wanted: the response's `close` event comes when the run has ended.
 */

import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { HeaderLine, Release, Run } from "@onceover/core";
import { sendAnswer, setStatusMessage, statusMessageOf } from "./answer.js";
import { detach, isCutHere, isGone } from "./client-gone.js";
import { applyHeaders, linesOf, resetLines, sameLines } from "./header-lines.js";
import { type Callback, headersSent, isChunk, isReadable, isSendable, optionsOf, refuseWrite } from "./node-calls.js";
import { isHttp2 } from "./node-request.js";
import { type Interceptor, standBefore } from "./stand-before.js";

/** Feeds what the handler sends through `response` to `run`, and holds its last byte until the run lets it go. */
export function capture(response: ServerResponse, run: Run): void {
  new Capture(response, run).install();
}

type State =
  /** The handler may go on sending. */
  | "open"
  /** The answer is whole, and waits for its record. */
  | "held"
  /** The response is Node's again. */
  | "released";

interface Head {
  readonly status: number;
  readonly message: string;
  readonly lines: readonly HeaderLine[];
}

/** The end of an answer, as the handler gave it. */
interface Tail {
  readonly chunk?: string | Uint8Array;
  readonly encoding?: BufferEncoding | undefined;
  readonly callback?: Callback | undefined;
}

const NO_LINES: readonly HeaderLine[] = [];

class Capture implements Interceptor {
  readonly #response: ServerResponse;
  /** Let go of once the answer has left: Node keeps a response for a while, and what hangs on it with it. */
  #run: Run | undefined;
  /** The response's own methods, or those that a middleware in front of us put there. */
  readonly #own: Pick<ServerResponse, "writeHead" | "write" | "end" | "flushHeaders" | "destroy" | "emit">;
  #already: readonly HeaderLine[];
  #state: State = "open";
  #head: Head | undefined;
  /** Whether the handler has called `writeHead`; what leaves by that is nothing yet. */
  #isHeadGiven = false;
  #isHeadOut = false;
  /** Whether the response's own `end` is at work; that of HTTP/2, and of injected requests, calls `write`. */
  #isLeaving = false;
  #bytesLeft = Number.POSITIVE_INFINITY;
  #isClientGone = false;
  /** Whether the whole answer went into the record alone. */
  #isOnlyRecorded = false;
  #source: Readable | undefined;

  constructor(response: ServerResponse, run: Run) {
    const { writeHead, write, end, flushHeaders, destroy, emit } = response;
    this.#response = response;
    this.#run = run;
    this.#own = { writeHead, write, end, flushHeaders, destroy, emit };
    this.#already = linesOf(response);
  }

  install(): void {
    standBefore(this.#response, this);
    // Whoever hung up while the key was being claimed has not been heard by us.
    if (isGone(this.#response)) this.#clientGone();
  }

  /** What the response says of itself while its head, or its end, is held back. */
  get headersSent(): boolean {
    return this.#state === "held" || (this.#state === "open" && this.#isHeadGiven);
  }

  get writableEnded(): boolean {
    return this.#state === "held";
  }

  /** Whoever sent an answer that nobody was there for has done so: it is recorded, and that was all there was to do. */
  get writableFinished(): boolean {
    return this.#isOnlyRecorded;
  }

  writeHead(status: number, ...rest: unknown[]): ServerResponse {
    // Node itself calls it when the first byte leaves.
    if (this.#isHeadOut || this.#state === "released")
      return Reflect.apply(this.#own.writeHead, this.#response, [status, ...rest]);
    if (this.headersSent) throw headersSent();
    const message = typeof rest[0] === "string" ? [rest[0]] : [];
    applyHeaders(this.#response, rest[message.length]);
    this.#response.statusCode = status;
    if (message[0] !== undefined) setStatusMessage(this.#response, message[0]);
    this.#takeHead();
    this.#isHeadGiven = true;
    return this.#response;
  }

  /** Status and headers as they stand when the first byte, or the end, is sent. */
  #takeHead(): void {
    if (this.#head !== undefined) return;
    const { statusCode } = this.#response;
    const statusMessage = statusMessageOf(this.#response);
    // Node would throw when the head leaves; that is too late for the handler, and for whoever catches its errors.
    if (!isSendable(statusCode, statusMessage)) this.#own.writeHead.call(this.#response, statusCode);
    this.#head = { status: statusCode, message: statusMessage, lines: linesOf(this.#response) };
    const declared = this.#response.getHeader("content-length");
    if (declared !== undefined) this.#bytesLeft = Number(declared);
    this.#run?.head(statusCode, this.#head.lines, this.#already);
  }

  flushHeaders(): void {
    this.#takeHead();
    this.#restoreHead();
    this.#isHeadOut = true;
    if (!this.#isClientGone) this.#own.flushHeaders.call(this.#response);
  }

  write(chunk: unknown, ...rest: unknown[]): boolean {
    const { encoding, callback } = optionsOf(rest);
    if (this.#isLeaving) return Reflect.apply(this.#own.write, this.#response, [chunk, ...rest]);
    if (this.#state !== "open") return refuseWrite(callback);
    // Node says best what is wrong with it.
    if (!isChunk(chunk)) return Reflect.apply(this.#own.write, this.#response, [chunk, ...rest]);
    this.#takeHead();
    this.#bytesLeft -= this.#record(chunk, encoding);
    if (this.#bytesLeft <= 0) this.#hold({ chunk, encoding, callback });
    else return this.#isClientGone ? this.#drop(callback) : this.#send(chunk, rest);
    return true;
  }

  /** Nobody sets the pace any more: a source that is always ready would let nobody else in, were it not for this turn. */
  #drop(callback: Callback | undefined): false {
    setImmediate(() => {
      callback?.();
      if (this.#state === "open") this.#response.emit("drain");
    });
    return false;
  }

  #send(chunk: string | Uint8Array, rest: readonly unknown[]): boolean {
    this.#restoreHead();
    this.#isHeadOut = true;
    return Reflect.apply(this.#own.write, this.#response, [chunk, ...rest]);
  }

  /** Hands a copy to the run, as long as it wants one: the handler may fill its buffer anew. */
  #record(chunk: string | Uint8Array, encoding: BufferEncoding | undefined): number {
    if (this.#run?.keeps() === false) return Buffer.byteLength(chunk, encoding);
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding) : Buffer.from(chunk);
    this.#run?.write(bytes);
    return bytes.length;
  }

  end(...given: unknown[]): ServerResponse {
    const [first, ...rest] = given;
    const { encoding, callback } = optionsOf(isChunk(first) ? rest : given);
    if (this.#state === "open") {
      this.#takeHead();
      if (isChunk(first)) this.#record(first, encoding);
      this.#hold(isChunk(first) ? { chunk: first, encoding, callback } : { callback });
    } else if (callback !== undefined) {
      this.#response.once("finish", callback);
    }
    return this.#response;
  }

  #hold(tail: Tail): void {
    this.#state = "held";
    // Never rejects: whatever becomes of the record, the answer leaves.
    void this.#run?.end().then((release) => this.#release(release, tail));
  }

  #release(release: Release, { chunk, encoding, callback }: Tail): void {
    this.#state = "released";
    this.#run = undefined;
    if (this.#isClientGone) {
      this.#isOnlyRecorded = true;
      return this.#close();
    }
    if (release.action === "replace") return this.#replace(release);
    this.#restoreHead();
    const data = chunk === undefined ? [] : [chunk, encoding];
    this.#isLeaving = true;
    Reflect.apply(this.#own.end, this.#response, callback === undefined ? data : [...data, callback]);
    this.#isLeaving = false;
    this.#head = undefined;
    this.#already = NO_LINES;
  }

  /** Half an answer that is not the recorded one is cut off: the retry gets the recorded one whole. */
  #replace({ answer }: Extract<Release, { action: "replace" }>): void {
    if (this.#isHeadOut) return void this.#destroy();
    const { writeHead, write, end } = this.#own;
    Object.assign(this.#response, { writeHead, write, end });
    resetLines(this.#response, this.#already);
    sendAnswer(this.#response, answer);
  }

  /** What was recorded is what is sent, whatever an error handler did to the response meanwhile. */
  #restoreHead(): void {
    const head = this.#head;
    if (head === undefined || this.#isHeadOut) return;
    if (this.#response.statusCode === head.status && sameLines(linesOf(this.#response), head.lines)) return;
    this.#response.statusCode = head.status;
    setStatusMessage(this.#response, head.message);
    resetLines(this.#response, head.lines);
  }

  emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === "pipe" && isReadable(args[0])) this.#pipedFrom(args[0]);
    if (this.#state !== "released") {
      if (event === "close") this.#clientGone();
      // HTTP/2 says so of an answer that was reset, too.
      if (event === "close" || event === "finish") return true;
    }
    return Reflect.apply(this.#own.emit, this.#response, [event, ...args]);
  }

  /** From here on the answer goes into the record alone, and the response looks as if somebody were listening. */
  #clientGone(): void {
    if (this.#isClientGone) return;
    this.#isClientGone = true;
    if (this.#state !== "open") return;
    if (this.#isHeadOut && isCutHere(this.#response)) return this.#giveUp();
    detach(this.#response);
    // pipeline() and sendFile() refuse a response that is closed.
    Object.assign(this.#response, { destroyed: false, _closed: false });
    this.#run?.detach(() => this.#giveUp());
    if (this.#source !== undefined) this.#follow(this.#source);
    this.#response.emit("drain");
  }

  #pipedFrom(source: Readable): void {
    this.#source = source;
    if (this.#isClientGone) this.#follow(source);
  }

  /** A source that broke, or was destroyed together with the socket, will never end the answer. */
  #follow(source: Readable): void {
    if (!source.closed) source.once("close", () => this.#follow(source));
    else if (!source.readableEnded) this.#giveUp();
  }

  #giveUp(): void {
    if (this.#state !== "open") return;
    this.#cut();
    this.#close();
  }

  #cut(): void {
    this.#state = "released";
    this.#run?.cut();
  }

  /** The event that was kept back. */
  #close(): void {
    Object.assign(this.#response, { destroyed: true, _closed: true });
    this.#response.emit("close");
  }

  destroy(error?: Error): ServerResponse {
    if (this.#state === "open") this.#cut();
    return this.#destroy(error);
  }

  /** Without an error HTTP/2 would say that there was none, and its clients would take half an answer for a whole one. */
  #destroy(error = isHttp2(this.#response.req) ? new Error("the answer was cut off") : undefined): ServerResponse {
    return this.#own.destroy.call(this.#response, error);
  }
}
