import type { Request, Response } from "express";
import type { Evidence } from "./service.js";
import type { Loan } from "./shelf.js";

/** Streams of tokens, each of which is begun once and may be taken up again where it stopped. */
export interface TokenStreams {
  begin(source: TokenSource, request: Request, response: Response): void;
  /** Goes on with the stream that the request names, behind its `Last-Event-ID`; `false` where it has none. */
  resume(request: Request, response: Response): boolean;
}

/** What the tokens of a stream are made from. */
export interface TokenSource {
  readonly loan: Loan;
  evidence(): Evidence;
}

/** How many tokens a stream has. */
export const TOKENS = 12;
/** How long a stream that nobody listens to can be taken up again, and so has its index, in milliseconds. */
const KEPT_MS = 3_000;

/** There is none yet; `tokenMs` is the time between two tokens. */
export function createTokenStreams(tokenMs: number): TokenStreams {
  const begun = new Map<string, TokenSource & { leaving?: NodeJS.Timeout }>();

  /** Nobody listens any more; whoever does in time takes it up again. */
  function leave(name: string): void {
    const stream = begun.get(name);
    if (stream === undefined) return;
    clearTimeout(stream.leaving);
    stream.leaving = setTimeout(() => {
      begun.delete(name);
      stream.loan.giveBack();
    }, KEPT_MS);
  }

  function send(name: string, source: TokenSource, after: number, response: Response): void {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    let id = after;
    const timer = setInterval(() => {
      id += 1;
      response.write(`id: ${id}\ndata: ${JSON.stringify(source.evidence())}\n\n`);
      if (id >= TOKENS) response.end();
    }, tokenMs);
    response.once("finish", () => clearInterval(timer));
    response.once("close", () => {
      clearInterval(timer);
      leave(name);
    });
  }

  return {
    begin(source, request, response) {
      const name = nameOf(request);
      begun.set(name, source);
      send(name, source, 0, response);
    },
    resume(request, response) {
      const last = request.get("Last-Event-ID");
      if (last === undefined) return false;
      const stream = begun.get(nameOf(request));
      clearTimeout(stream?.leaving);
      if (stream === undefined) response.status(410).json({ code: "stream-lost" });
      else send(nameOf(request), stream, Number(last), response);
      return true;
    },
  };
}

function nameOf(request: Request): string {
  return String(request.query.stream);
}
