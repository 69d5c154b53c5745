import type { HeaderLine } from "@onceover/core";
import { answerOf, type ClientAnswer, type ClientRequest } from "./adapter-request.js";
import { latch, until } from "./adapter-wait.js";

/** One request and its answer, piece by piece, as its client sees them. */
export interface Exchange {
  /** Sends more of the body of a request that was begun with `send: "head"`. */
  write(piece: string | Uint8Array): void;
  /** Says that the body is whole. */
  end(): void;
  /** Hangs up: ends the connection; on HTTP/2 resets the stream, and the connection goes on. */
  hangUp(): void;
  /** What came of the answer's body so far, as latin1. */
  received(): string;
  /** Whether the answer's head has come. */
  readonly isAnswered: boolean;
  /** Whether the server has asked for the body (`100 Continue`). */
  readonly isContinued: boolean;
  /** Whether a client would take what came for a whole answer: it has all the bytes that were declared, or its end. */
  readonly isWhole: boolean;
  /** Whether nothing more will come. */
  readonly isClosed: boolean;
  /** Settles when what came satisfies `holds`; rejects after a generous cap, or when nothing more will come. */
  until(holds: (received: string) => boolean): Promise<string>;
  /** The whole answer; rejects where it is cut off, or never comes. */
  answer(): Promise<ClientAnswer>;
  /** Settles when nothing more will come. */
  readonly closed: Promise<void>;
}

/** A client's connection. */
export interface ClientConnection {
  /** Sends a request; `"head"` leaves the rest of its body to the exchange. @default "all" */
  open(request: ClientRequest, send?: "all" | "head"): Exchange;
  /** Ends the connection, and everything on it. */
  destroy(): void;
  /** Whether the connection has ended since its first request; on HTTP/1.1 another one takes its place. */
  readonly wasEnded: boolean;
}

/** Where a protocol's client tells what came. */
export interface ExchangeEvents {
  continued(): void;
  head(status: number, headers: readonly HeaderLine[]): void;
  data(chunk: Buffer): void;
  /** The answer came to its end. */
  end(): void;
  /** Nothing more will come. */
  close(): void;
}

/** What a protocol's client does for an exchange. */
export type ExchangeActs = Pick<Exchange, "write" | "end" | "hangUp">;

/** Makes an exchange of what a protocol's client does and tells. */
export function createExchange(client: (events: ExchangeEvents) => ExchangeActs): Exchange {
  const state = { isContinued: false, hasEnded: false, isClosed: false, status: 0 };
  const [over, closed] = [latch(), latch()];
  const chunks: Buffer[] = [];
  let headers: readonly HeaderLine[] = [];
  const come = () => answerOf(state.status, headers, Buffer.concat(chunks));
  const received = () => come().body.toString("latin1");
  const acts = client({
    continued: () => {
      state.isContinued = true;
    },
    head(status, lines) {
      state.status = status;
      headers = lines;
    },
    data: (chunk) => void chunks.push(chunk),
    end() {
      state.hasEnded = true;
      over.open();
    },
    close() {
      state.isClosed = true;
      over.open();
      closed.open();
    },
  });
  return {
    ...acts,
    received,
    get isAnswered() {
      return state.status !== 0;
    },
    get isContinued() {
      return state.isContinued;
    },
    get isWhole() {
      return state.hasEnded || hasAllBytes(come());
    },
    get isClosed() {
      return state.isClosed;
    },
    async until(holds) {
      await until("what was waited for came", () => {
        if (holds(received())) return true;
        if (state.isClosed) throw new Error(`nothing more came after:\n${received()}`);
        return false;
      });
      return received();
    },
    async answer() {
      await over.opened;
      if (!state.hasEnded) throw new Error("the answer was cut off");
      return come();
    },
    closed: closed.opened,
  };
}

function hasAllBytes({ status, header, body }: ClientAnswer): boolean {
  const declared = header("content-length");
  return status !== 0 && declared !== undefined && body.length >= Number(declared);
}
