/**
 * A search service whose index is replaced while it serves.
 *
 * The pattern for an application that does so: each handler borrows the index that `pinned.live` names, and gives it back when
 * it has answered; an old index goes when nobody has it any more. Between the judgement of a request and its handler lies at
 * least the claim of its key, so the index may have gone meanwhile: then nothing has happened yet, the key is given back,
 * and the answer is 503.
 */

import type { PinnedOnceover } from "@onceover/core";
import { onceover } from "@onceover/express";
import express, { type Application, type Request, type RequestHandler, type Response } from "express";
import type { Hit } from "./search-index.js";
import type { Loan, Shelf } from "./shelf.js";
import { createTokenStreams } from "./token-streams.js";

/** What an answer says of what it was made by. */
export interface Evidence {
  readonly revision: string;
  readonly schemaRev: number;
  /** The index that was really searched. */
  readonly indexHash: string;
}

/** One line of what the service does to the world. */
export interface OrderLine {
  readonly id: string;
  readonly scope: string;
  readonly key: string;
  readonly arrival: string;
}

/** What the service is made of. */
export interface SearchServiceOptions {
  readonly once: PinnedOnceover<Request>;
  readonly shelf: Shelf;
  readonly schemaRev: number;
  /** Makes an order happen. */
  readonly take: (order: OrderLine) => void;
  /** How long a search takes, and the time between two tokens, in milliseconds. */
  readonly searchMs: number;
  readonly tokenMs: number;
}

/** Whom a key belongs to. */
export function callerOf(request: Request): string | undefined {
  return request.get("X-Caller");
}

/** Makes the service. */
export function searchService({ once, shelf, schemaRev, take, searchMs, tokenMs }: SearchServiceOptions): Application {
  const streams = createTokenStreams(tokenMs);
  const app = express().disable("x-powered-by");
  app.use(onceover(once));
  app.get("/search", borrowing(search));
  app.post("/orders", express.json(), borrowing(order));
  app.get("/tokens", (request, response) => {
    if (!streams.resume(request, response)) borrowing(begin)(request, response, () => {});
  });
  return app;

  /** The handler with the index it was let in by; it sees to the giving back. */
  function borrowing(handle: (loan: Loan, request: Request, response: Response) => unknown): RequestHandler {
    return async (request, response) => {
      const loan = shelf.lend(request.pinned?.live.indexHash);
      if (loan !== undefined) return void (await handle(loan, request, response));
      await request.onceover?.abandon();
      response.status(503).set("Retry-After", "1").json({ code: "index-gone" });
    };
  }

  async function search(loan: Loan, request: Request, response: Response): Promise<void> {
    const hits = await searched(loan, request);
    response.json({ ...evidenceOf(loan), hits: hits.map(({ from }) => from) });
    loan.giveBack();
  }

  async function order(loan: Loan, request: Request, response: Response): Promise<void> {
    await searched(loan, request);
    const made = { id: crypto.randomUUID(), arrival: request.get("X-Arrival") ?? "" };
    take({ ...made, scope: callerOf(request) ?? "", key: request.onceover?.key ?? "" });
    response.status(201).json({ ...evidenceOf(loan), ...made });
    loan.giveBack();
  }

  function begin(loan: Loan, request: Request, response: Response): void {
    streams.begin({ loan, evidence: () => evidenceOf(loan) }, request, response);
  }

  async function searched({ index }: Loan, request: Request): Promise<readonly Hit[]> {
    await new Promise((resolve) => setTimeout(resolve, searchMs));
    return index.search(String(request.query.q ?? "index"));
  }

  function evidenceOf({ index }: Loan): Evidence {
    return { revision: once.revision, schemaRev, indexHash: index.search("index")[0]?.from ?? "" };
  }
}
