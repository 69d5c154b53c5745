/**
 * One request and its answer, from its arrival to the answer's last byte. What an answer sends is seen at three methods of the
 * response, which all frameworks end up at; they are made once for each kind of response, so that a request costs no function.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import { lastEventIdOf } from "@onceover/core/drain";
import { factsOf } from "../facts.js";
import { applyHeaders } from "../header-lines.js";
import { dropWrite, isChunk, optionsOf } from "../node-calls.js";
import { isHttp2, type NodeRequest } from "../node-request.js";
import type { Line } from "./line.js";
import { revisionOf, StreamWatch } from "./stream-watch.js";
import type { VisitLinks } from "./visits.js";

const VISIT: unique symbol = Symbol("onceover.visit");

type Visited = ServerResponse & { [VISIT]?: Visit };

/** Whom a visit reports to. */
export interface VisitHost {
  /** Whether answers are to say that their connection closes. */
  readonly isLeaving: boolean;
  readonly revision: string;
  isEndless(request: NodeRequest): boolean;
  /** Whether an answer is the one by which the mounts refuse, while the instance leaves. */
  isRefusal(chunk: unknown): boolean;
  ended(visit: Visit): void;
}

/** How a visit counts. `apart`: a probe, or one that was refused at the door. */
export type VisitCount = "in" | "apart";

/** One request and its answer. */
export class Visit implements VisitLinks {
  readonly request: NodeRequest;
  readonly response: ServerResponse;
  readonly line: Line;
  readonly #host: VisitHost;
  readonly #watching: Watching;
  stream: StreamWatch | undefined;
  /** Only for the list it is in. */
  before: VisitLinks | undefined;
  behind: VisitLinks | undefined;
  count: VisitCount = "in";
  /** Whether the mounts refused it. */
  isRefused = false;
  /** Whether its stream was handed off, and has ended. */
  isEnded = false;
  #isOver = false;
  #isLeaving = false;
  /** Whether what stands before the response has still to send the end of what it made of the stream. */
  #hasTail = false;
  #source: Pick<Writable, "write" | "end"> | undefined;
  #retryMs = 0;
  #type: string | undefined;

  constructor(host: VisitHost, line: Line, request: NodeRequest, response: Visited) {
    this.#host = host;
    this.line = line;
    this.request = request;
    this.response = response;
    line.enter(this);
    response[VISIT] = this;
    this.#watching = watchingFor(response);
    const { writeHead, write, end } = this.#watching.own;
    response.writeHead = writeHead;
    response.write = write;
    response.end = end;
    response.on("close", closed);
    response.on("pipe", piped);
  }

  /** The head is about to leave. Returns what `writeHead` is to be given behind the status. */
  head(status: number, rest: readonly unknown[]): readonly unknown[] {
    const given = rest.at(-1);
    if (typeof given === "object" && given !== null) this.#type = typeIn(given);
    if (!this.#host.isLeaving || !this.#mayClose || status < 200) return rest;
    const message = typeof rest[0] === "string" ? [rest[0]] : [];
    applyHeaders(this.response, rest[message.length]);
    this.response.setHeader("Connection", "close");
    this.line.isClosing = true;
    return message;
  }

  /**
   * Whether the connection may close behind this answer. Where one is closed while something still comes on it, it is reset, and
   * the answer may be lost with it: that of a body which is still coming is read to its end instead.
   */
  get #mayClose(): boolean {
    return this.line.last === this && !isHttp2(this.request) && hasCome(this.request);
  }

  /** A piece has left. */
  wrote(chunk: unknown, rest: readonly unknown[]): void {
    if (!isChunk(chunk)) return;
    this.watch().wrote(chunk, optionsOf(rest).encoding);
    if (this.#isLeaving) this.#leaveAtBoundary();
  }

  /** The answer is whole. */
  whole(chunk: unknown, rest: readonly unknown[]): void {
    // What is held back until its record is stored comes here when it leaves; what comes after that is of a handler that goes on.
    this.isEnded = this.stream?.outcome !== undefined;
    if (this.#host.isLeaving && this.#host.isRefusal(chunk)) this.isRefused = true;
    // HTTP/2 hands the last piece to `write`.
    if (this.stream !== undefined && isChunk(chunk) && !isHttp2(this.request)) {
      this.stream.wrote(chunk, optionsOf(rest).encoding);
    }
  }

  get isEndless(): boolean {
    return this.#host.isEndless(this.request);
  }

  /** Takes the answer for a stream from here on. */
  watch(): StreamWatch {
    this.stream ??= this.#streamOf();
    return this.stream;
  }

  #streamOf(): StreamWatch {
    const { response } = this;
    const type = this.#type ?? String(response.getHeader("content-type") ?? "");
    const encoding = String(response.getHeader("content-encoding") ?? "identity");
    return new StreamWatch({
      type,
      isEncoded: encoding !== "identity",
      kind: this.isEndless ? "endless" : "finite",
      revision: revisionOf(response, this.#host.revision),
      lastId: lastEventIdOf(factsOf(this.request)),
    });
  }

  /** Whether it was answered to the last byte. HTTP/2 says that an answer is finished also where it was reset. */
  get isWhole(): boolean {
    const { request, response } = this;
    if (isHttp2(request)) return response.writableEnded && request.stream.rstCode === 0;
    // Node calls an answer finished also where its connection was destroyed with half of it still to be written.
    const { destroyed, writableFinished } = this.line.socket;
    return response.writableFinished && (!destroyed || writableFinished);
  }

  /** The stream it is, where its answer has begun and is none that leaves at once. */
  streaming(): StreamWatch | undefined {
    return this.response.headersSent && !this.response.writableEnded ? this.watch() : this.stream;
  }

  /** Ends an answer without an end where it can be taken up elsewhere: now, or as soon as what was begun is whole. */
  handOff(retryMs: number): void {
    this.#isLeaving = true;
    this.#retryMs = retryMs;
    this.#leaveAtBoundary();
  }

  #leaveAtBoundary(): void {
    if (this.response.headersSent && this.watch().isAtBoundary) this.takeLeave();
  }

  /** Ends it at once. An event that is half sent is none for the client, who asks for it again. */
  takeLeave(): void {
    const stream = this.watch();
    if (stream.outcome !== undefined || this.response.writableEnded) return;
    const farewell = stream.farewell(this.#retryMs);
    // Past whatever stands before the response: it is no part of the answer.
    stream.outcome = "handed-off";
    if (farewell !== undefined) Reflect.apply(this.#watching.below.write, this.response, [farewell]);
    this.#endWhole(stream);
  }

  /** A compressed stream has an end of its own: that of whatever compresses it, in front of the response or piped into it. */
  #endWhole({ isEncoded }: StreamWatch): void {
    const { response } = this;
    this.#hasTail = isEncoded && (this.#source !== undefined || response.end !== this.#watching.own.end);
    if (!isEncoded || this.#source === undefined) return void response.end();
    this.#source.write = (...[, ...rest]: unknown[]) => dropWrite(rest);
    this.#source.end();
  }

  /** Whether what is written to it is of a handler that has not heard yet that its stream was handed off. */
  get isDropping(): boolean {
    return this.stream?.outcome !== undefined && (this.isEnded || !this.#hasTail);
  }

  /** What is piped into it; of interest is what compresses. */
  pipedFrom(source: unknown): void {
    if (isWritable(source)) this.#source = source;
  }

  /** Its answer has left, or never will. */
  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.line.leave(this);
    this.#host.ended(this);
  }
}

/** Whether nothing of a request is still to come. Node says so of one without a body only a moment after it has come. */
function hasCome({ complete, headers }: IncomingMessage): boolean {
  return complete || (headers["transfer-encoding"] === undefined && !(Number(headers["content-length"]) > 0));
}

/** The visit that a response belongs to. */
export function visitOf(response: Visited): Visit | undefined {
  return response[VISIT];
}

function closed(this: Visited): void {
  this[VISIT]?.over();
}

/** By what it can do: there are streams that are not of this very Node. */
function isWritable(source: unknown): source is Pick<Writable, "write" | "end"> {
  return typeof source === "object" && source !== null && "write" in source && "end" in source;
}

function piped(this: Visited, source: unknown): void {
  this[VISIT]?.pipedFrom(source);
}

function typeIn(headers: object): string | undefined {
  const entries = Array.isArray(headers) ? pairs(headers.flat()) : Object.entries(headers);
  const [, value] = entries.find(([name]) => String(name).toLowerCase() === "content-type") ?? [];
  return value === undefined ? undefined : String(value);
}

function pairs(list: readonly unknown[]): (readonly [unknown, unknown])[] {
  return list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]] as const] : []));
}

type Methods = Pick<ServerResponse, "writeHead" | "write" | "end">;

interface Watching {
  /** What each response gets for its own. */
  readonly own: Methods;
  /** What its prototype had when it came. */
  readonly below: Methods;
}

const WATCHING = new WeakMap<object, Watching>();

/** One for each kind of response. */
function watchingFor(response: Visited): Watching {
  const prototype: object = Object.getPrototypeOf(response);
  const known = WATCHING.get(prototype);
  if (known !== undefined) return known;
  const { writeHead, write, end } = response;
  const below: Methods = { writeHead, write, end };
  const made: Watching = { own: watchedMethods(below), below };
  WATCHING.set(prototype, made);
  return made;
}

/** Reflect, because each of them is called in several ways. */
function watchedMethods(below: Methods): Methods {
  return {
    writeHead(this: Visited, status: number, ...rest: unknown[]) {
      const given = this[VISIT]?.head(status, rest) ?? rest;
      return Reflect.apply(below.writeHead, this, [status, ...given]);
    },
    write(this: Visited, chunk: unknown, ...rest: unknown[]) {
      const visit = this[VISIT];
      if (visit?.isDropping) return dropWrite(rest);
      // Its head leaves with the first piece, and only then it is known what it is.
      const isTaken = Reflect.apply(below.write, this, [chunk, ...rest]);
      visit?.wrote(chunk, rest);
      return isTaken;
    },
    end(this: Visited, ...given: unknown[]) {
      const visit = this[VISIT];
      if (visit?.isEnded) return this;
      visit?.whole(given[0], given.slice(1));
      return Reflect.apply(below.end, this, given);
    },
  };
}
