import type { ServerResponse } from "node:http";
import type { HeaderLine } from "@onceover/core";
import { type ForwardFailure, type ForwardTarget, forwardFailure } from "@onceover/core/revisions";
import { sendAnswer, setStatusMessage } from "./answer.js";
import { cutOff } from "./cut-off.js";
import { setLines } from "./header-lines.js";
import { isSendable } from "./node-calls.js";
import { isHttp2, type NodeRequest } from "./node-request.js";
import { type AnswerLines, answerLines, trailerFields } from "./passed-lines.js";
import { type RawHandler, type RawText, textsOf } from "./raw-dispatch.js";
import { endingNow } from "./socket-endings.js";

type State =
  /** Nothing of the request has left. */
  | "waiting"
  /** The request is being written; some of it may have left. */
  | "asked"
  /** The head of the answer has been passed on. */
  | "answering"
  /** Whatever comes from the other side now, nobody wants it. */
  | "over";

/** Passes the answer to one request back to its client, as it comes, and settles when that is over, whichever way. */
export class Exchange implements RawHandler {
  readonly #request: NodeRequest;
  readonly #response: ServerResponse;
  readonly #target: ForwardTarget;
  readonly #settle: () => void;
  #state: State = "waiting";
  #abort: ((error?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #endsBy: AnswerLines["endsBy"] = "close";

  constructor(request: NodeRequest, response: ServerResponse, target: ForwardTarget, settle: () => void) {
    this.#request = request;
    this.#target = target;
    this.#response = response;
    this.#settle = settle;
    response.on("drain", this.#drained).on("close", this.#closed);
    // A response that waits for those before it on the same connection is not told when that ends.
    if (!isHttp2(request) && response.socket === null) request.socket.on("close", this.#closed);
  }

  readonly #drained = (): void => this.#resume?.();

  readonly #closed = (): void => {
    this.#response.off("drain", this.#drained).off("close", this.#closed);
    if (!isHttp2(this.#request)) this.#request.socket?.off("close", this.#closed);
    if (this.#state !== "over") {
      this.#state = "over";
      this.#abort?.(new Error("the client has left"));
    }
    this.#settle();
  };

  onConnect(abort: (error?: Error) => void): void {
    if (this.#state === "over") return abort(new Error("the client has left"));
    this.#state = "asked";
    this.#abort = abort;
  }

  onHeaders(status: number, raw: readonly RawText[], resume: () => void, message: string): boolean {
    // 100 to 199 announce an answer; Node has told the client to go on already.
    if (this.#state !== "asked" || status < 200) return true;
    this.#resume = resume;
    const { lines, endsBy } = answerLines(textsOf(raw));
    this.#endsBy = endsBy;
    if (!setHead(this.#response, status, message, lines)) {
      this.#abort?.();
      return true;
    }
    this.#state = "answering";
    // Most answers come in one piece, which takes the head with it; this is for those that let their first byte wait.
    process.nextTick(flushHead, this.#response);
    return true;
  }

  onData(chunk: Uint8Array): boolean {
    return this.#state !== "answering" || this.#response.write(chunk);
  }

  onComplete(raw: readonly RawText[] | null): void {
    if (this.#state !== "answering") return;
    if (!this.#isWhole()) return this.#cut();
    const trailers = trailerFields(textsOf(raw));
    if (trailers !== undefined) this.#response.addTrailers(trailers);
    // Nothing is given along: middlewares that stand before it take whatever comes first for a chunk.
    this.#response.end();
    // What a middleware throws until here undici tells as an error, and the answer is cut off.
    this.#state = "over";
  }

  onError(error: unknown): void {
    switch (this.#state) {
      case "over":
        return;
      case "answering":
        return this.#cut();
      case "asked":
        return this.#fail("unanswered", { cause: error });
      case "waiting":
        return this.#fail(isRefused(error) ? "unsendable" : "unconnected", { cause: error });
      // no default
    }
  }

  /** Answers a request that cannot be passed on, and of which nothing has been. */
  refuse(detail: string): void {
    this.#fail("unsendable", { detail });
  }

  #fail(failure: ForwardFailure, about: Parameters<typeof forwardFailure>[2]): void {
    this.#state = "over";
    sendAnswer(this.#response, forwardFailure(this.#target, failure, about));
    // What is left of the body has nowhere to go, and its connection has a next request.
    this.#request.resume();
  }

  /** Whether it is the answer that has ended, and not its connection alone; undici has counted where there is a length. */
  #isWhole(): boolean {
    const ending = endingNow();
    return ending === undefined || this.#endsBy === "length" || (ending === "end" && this.#endsBy === "close");
  }

  #cut(): void {
    this.#state = "over";
    cutOff(this.#response);
  }
}

/** Whether the head could be set; otherwise the response is as it was. */
function setHead(response: ServerResponse, status: number, message: string, lines: readonly HeaderLine[]): boolean {
  if (!isSendable(status, undefined)) return false;
  const statusBefore = response.statusCode;
  try {
    // HTTP/2 takes fewer of them.
    response.statusCode = status;
    setLines(response, lines);
    setStatusMessage(response, isSendable(status, message) ? message : "");
    return true;
  } catch {
    // Node says so by various errors, of names, values and states; they come to the same.
    for (const [name] of lines) response.removeHeader(name);
    response.statusCode = statusBefore;
    return false;
  }
}

function flushHead(response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return;
  try {
    response.flushHeaders();
  } catch {
    // HTTP/2 looks at all fields together, and only now.
    cutOff(response);
  }
}

/** undici names what it does not send at all. */
function isRefused(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("code" in error)) return false;
  return error.code === "UND_ERR_INVALID_ARG" || error.code === "UND_ERR_NOT_SUPPORTED";
}
