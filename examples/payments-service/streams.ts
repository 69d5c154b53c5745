/** The event streams of the service: one that comes to its end by itself, and one that does not. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Request, Response } from "express";
import type { Ledger } from "./ledger.js";

/** Who wrote an event. */
export interface Writer {
  readonly revision: string;
  readonly pid: number;
}

/** What an event of the feed says, beside its id: the place of the effect among all effects. */
export interface FedEffect extends Writer {
  readonly effect: string;
}

/** Where the feed of effects is, which has no end. */
export const FEED = "/effects";
/** How many words an explanation has. */
export const WORDS = 15;
const WORD_MS = 100;
const LOOK_EVERY_MS = 50;

/** Explains how payments work, word by word, as a model would. */
export async function explain(response: Response, revision: string): Promise<void> {
  begin(response);
  for (let id = 1; id <= WORDS; id += 1) {
    send(response, id, { revision, pid: process.pid } satisfies Writer);
    await sleep(WORD_MS);
  }
  response.end();
}

/** Tells of each effect, from the first one or from behind `Last-Event-ID`, and goes on as long as somebody listens. */
export async function tellEffects(
  request: Request,
  response: Response,
  ledger: Ledger,
  revision: string,
): Promise<void> {
  let told = Number(request.get("Last-Event-ID") ?? 0);
  let hasGone = false;
  response.once("close", () => {
    hasGone = true;
  });
  begin(response);
  while (!hasGone) {
    for (const { id } of ledger.happened().slice(told)) {
      told += 1;
      send(response, told, { revision, pid: process.pid, effect: id } satisfies FedEffect);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

function begin(response: Response): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.flushHeaders();
}

function send(response: Response, id: number, data: object): void {
  response.write(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
}
