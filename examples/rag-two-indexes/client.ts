/** A client that says what it was built against, and reads from the answers who gave them. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Hit } from "./vector-index.js";

/** Header fields that pin a request: `Index-Hash`, `Model-Tag`, `Revision-Pin`. */
export type PinFields = Readonly<Record<string, string>>;

/** An answer, and who gave it. */
export interface Answered {
  readonly status: number;
  /** What a refusal is called. */
  readonly code: string | undefined;
  /** What a refusal advises. */
  readonly action: string | undefined;
  readonly revision: string | null;
  readonly index: string | null;
  readonly model: string | null;
  readonly replayed: boolean;
  readonly hits: readonly Hit[];
  readonly takenBy: string | undefined;
}

/** A word of a streamed answer. */
export interface Word {
  readonly id: number;
  readonly word: string;
  readonly by: string;
  readonly model: string;
}

/** A stream that was read up to some word, or to its end. */
export interface Heard {
  readonly words: readonly Word[];
  /** The pin that the first answer gave out; later ones give none to whoever has one. */
  readonly pin: string | undefined;
}

/** Asks what passages there are on a question. */
export async function search(url: string, question: string, pins: PinFields = {}): Promise<Answered> {
  return answered(await ask(`${url}/search?${new URLSearchParams({ question })}`, { headers: pins }));
}

/** Hands a document in, once for each key. */
export async function addDocument(url: string, text: string, key: string, pins: PinFields = {}): Promise<Answered> {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key, ...pins };
  return answered(await ask(`${url}/documents`, { method: "POST", headers, body: JSON.stringify({ text }) }));
}

/** Reads a streamed answer; hangs up after `most` words. A refusal has no words. */
export async function listen(
  url: string,
  question: string,
  { pins = {}, most = Number.POSITIVE_INFINITY }: { readonly pins?: PinFields; readonly most?: number } = {},
): Promise<Heard & { readonly status: number }> {
  const hangUp = new AbortController();
  const headers = { Accept: "text/event-stream", ...pins };
  const answer = await ask(`${url}/answer?${new URLSearchParams({ question })}`, { headers, signal: hangUp.signal });
  const words = answer.status === 200 ? await wordsOf(answer, most) : [];
  hangUp.abort();
  return { status: answer.status, words, pin: answer.headers.get("Revision-Pin") ?? undefined };
}

/** 503 says that nothing was executed, and when to come again: another revision may be about to come, or to go. */
async function ask(url: string, init: RequestInit): Promise<Response> {
  for (;;) {
    const answer = await fetch(url, init);
    if (answer.status !== 503) return answer;
    await answer.body?.cancel();
    await sleep(1000 * Number(answer.headers.get("Retry-After") ?? 1));
  }
}

async function answered(answer: Response): Promise<Answered> {
  const body = (await answer.json()) as Partial<Answered>;
  const { headers, status } = answer;
  return {
    status,
    code: body.code,
    action: body.action,
    revision: headers.get("Revision"),
    index: headers.get("Index-Hash"),
    model: headers.get("Model-Tag"),
    replayed: headers.get("Idempotency-Replayed") === "true",
    hits: body.hits ?? [],
    takenBy: body.takenBy,
  };
}

async function wordsOf(answer: Response, most: number): Promise<Word[]> {
  const chunks = (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const words = parse(text).slice(0, most);
    const { done, value } = words.length === most ? { done: true, value: "" } : await chunks.read();
    if (done) return words;
    text += value;
  }
}

/** The events that have come whole. */
function parse(text: string): Word[] {
  return [...text.matchAll(/id: (\d+)\ndata: (.+)\n\n/g)].map(([, id, data = ""]) => ({
    id: Number(id),
    ...JSON.parse(data),
  }));
}
