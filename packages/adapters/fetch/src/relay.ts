import type { Run } from "@onceover/core";
import { onAbort } from "./on-abort.js";
import { type Piece, readPiece } from "./piece.js";

/** A body on its way from the handler to the client, and into the record. */
export interface Relayed {
  readonly run: Run;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** What was read of it before. */
  readonly pieces: readonly (Piece | Promise<Piece>)[];
  /** The `Content-Length` of the answer, infinite where it has none: a client takes the byte that completes it for the end. */
  readonly declared: number;
  /** Aborted when the client hangs up. */
  readonly clientGone: AbortSignal | undefined;
}

/**
 * How long an answer is kept from breaking off, in milliseconds. Servers read ahead, too; while one does, it has sent no
 * head yet, and would make an answer of the error.
 */
const CUT_AFTER_MS = 10;

/** How many pieces that nobody takes are read in one turn of the event loop. */
const PIECES_PER_TURN = 64;

/** The body for the client. Its end waits for the record, and a client that goes leaves the rest to the record. */
export function relay(relayed: Relayed): ReadableStream<Uint8Array> {
  return new ReadableStream(new Relay(relayed), { highWaterMark: 0 });
}

type Chunk = Extract<Piece, { chunk: unknown }>;
type Controller = ReadableStreamDefaultController<Uint8Array>;

class Relay {
  readonly #run: Run;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #pieces: (Piece | Promise<Piece>)[];
  readonly #clientGone: AbortSignal | undefined;
  readonly #held: Uint8Array[] = [];
  #bytesLeft: number;
  #controller: Controller | undefined;
  /** Whom the next chunk is for: the client, as long as there is one. */
  #state: "listened" | "detached" | "over" = "listened";
  #isReading = false;
  #deafen = () => {};

  constructor({ run, reader, pieces, declared, clientGone }: Relayed) {
    this.#run = run;
    this.#reader = reader;
    this.#pieces = [...pieces];
    this.#bytesLeft = declared;
    this.#clientGone = clientGone;
  }

  start(controller: Controller): void {
    this.#controller = controller;
    this.#deafen = onAbort(this.#clientGone, () => this.#detach());
  }

  async pull(): Promise<void> {
    if (this.#state === "listened") await this.#goOn();
  }

  cancel(): void {
    this.#detach();
  }

  /** Reads until a chunk has left for the client, or the body is over. */
  async #goOn(): Promise<void> {
    this.#isReading = true;
    for (let pieces = 1; this.#state !== "over"; pieces += 1) {
      const piece = await (this.#pieces.shift() ?? readPiece(this.#reader, this.#run.keeps()));
      if ("end" in piece) await this.#end(piece.end);
      else if (this.#passOn(piece)) break;
      // Nobody sets the pace here: a source that is always ready would let nobody else in.
      if (pieces % PIECES_PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.#isReading = false;
  }

  /** Whether the chunk has left: not where nobody listens, and not where it would look like the end. */
  #passOn({ chunk, kept }: Chunk): boolean {
    if (this.#isOver()) return false;
    this.#run.write(kept);
    this.#bytesLeft -= chunk.length;
    if (this.#state !== "listened") return false;
    if (this.#bytesLeft <= 0) {
      this.#held.push(chunk);
      return false;
    }
    this.#controller?.enqueue(chunk);
    return true;
  }

  async #end(how: "whole" | "broken"): Promise<void> {
    if (this.#isOver()) return;
    if (how === "broken") {
      this.#run.cut();
      await new Promise((resolve) => setTimeout(resolve, CUT_AFTER_MS));
      return this.#fail();
    }
    const release = await this.#run.end();
    // Half an answer that is not the recorded one is cut off: the retry gets the recorded one whole.
    if (release.action === "replace") this.#fail();
    else if (this.#state === "listened") this.#finish();
    this.#over();
  }

  #finish(): void {
    for (const chunk of this.#held) this.#controller?.enqueue(chunk);
    this.#controller?.close();
  }

  /** Cuts the client off; says nothing about why, because some servers send the message. */
  #fail(): void {
    this.#controller?.error(new Error("the answer was cut off"));
    this.#over();
  }

  /** Written anew after each await, so a type that was narrowed before it proves nothing. */
  #isOver(): boolean {
    return this.#state === "over";
  }

  #over(): void {
    this.#state = "over";
    this.#deafen();
  }

  /** From here on the body goes into the record alone, at the handler's pace. */
  #detach(): void {
    if (this.#state !== "listened") return;
    this.#state = "detached";
    this.#run.detach(() => this.#giveUp());
    // Nobody waits for it, and it never rejects: a source that breaks is a piece.
    if (!this.#isReading) void this.#goOn();
  }

  #giveUp(): void {
    this.#over();
    // It had a quarter of an hour; how it takes the news is its own affair.
    this.#reader.cancel().catch(() => {});
  }
}
