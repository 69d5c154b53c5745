/** A service that answers questions from an index of its own. Other revisions of it stand beside it, with other indexes. */

import { appendFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createOnceover, type PinnedOnceover, SHARED_SCOPE, type Store } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { type PinKeys, type RevisionRegistry, revisions } from "@onceover/core/revisions";
import { onceover } from "@onceover/express";
import { nodeForward } from "@onceover/node/forward";
import express, { type Application, type Request, type Response } from "express";
import type { VectorIndex } from "./vector-index.js";

/** What a revision is made of. */
export interface RagOptions {
  readonly revision: string;
  readonly index: VectorIndex;
  /** Shared by all revisions, so that a retry finds its answer whichever of them it meets. */
  readonly store: Store;
  readonly registry: RevisionRegistry;
  readonly keys: PinKeys;
  /** Where the other revisions reach this one. */
  readonly address: string;
  /** The file that documents are handed in to; the next build of an index takes them up. */
  readonly inbox: string;
  /** How long the model takes for a word, in milliseconds. */
  readonly paceMs: number;
}

const MOST_HITS = 3;

/** Makes the service; it counts among the others once `once.pins.announce()` has resolved. */
export function ragService(options: RagOptions): {
  readonly app: Application;
  readonly once: PinnedOnceover<Request>;
} {
  const { revision, index, store, registry, keys, address, inbox, paceMs } = options;
  const once = createOnceover<Request>({
    service: "rag",
    revision,
    store,
    scope: SHARED_SCOPE,
    pins: pins({
      // The index is part of the revision and never changes, so there is nothing to read: it is what was built at start.
      writes: { indexHash: index.hash, modelTag: index.model },
      revisions: revisions({
        registry,
        keys,
        address,
        addresses: ({ hostname }) => hostname === "127.0.0.1",
        forwarder: nodeForward(),
        heartbeatMs: 1000,
      }),
    }),
  });

  const app = express().disable("x-powered-by");
  app.use(onceover(once));
  app.get("/search", search);
  app.get("/answer", answer);
  app.post("/documents", express.json(), takeDocument);

  function search(request: Request, response: Response): void {
    response.json({ hits: index.search(questionOf(request), MOST_HITS) });
  }

  /** The words of the best hits, one event each. Whoever comes back gets those after the last one he had. */
  async function answer(request: Request, response: Response): Promise<void> {
    const words = index.search(questionOf(request), MOST_HITS).flatMap(({ text }) => text.split(" "));
    const seen = Number(request.get("Last-Event-ID") ?? 0);
    response.type("text/event-stream");
    for (const [at, word] of words.entries()) {
      if (at < seen) continue;
      response.write(`id: ${at + 1}\ndata: ${JSON.stringify({ word, by: revision, model: index.model })}\n\n`);
      await sleep(paceMs);
      if (response.destroyed) return;
    }
    response.end("event: done\ndata:\n\n");
  }

  async function takeDocument(request: Request, response: Response): Promise<void> {
    const document = { id: crypto.randomUUID(), text: String(request.body?.text ?? "") };
    await appendFile(inbox, `${JSON.stringify(document)}\n`);
    response.status(202).json({ document: document.id, takenBy: revision });
  }

  return { app, once };
}

function questionOf({ query }: Request): string {
  return typeof query.question === "string" ? query.question : "";
}
