import {
  createOnceover,
  memoryStore,
  type Onceover,
  type OnceoverEvent,
  SHARED_SCOPE,
  type Store,
} from "@onceover/core";
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from "fastify";
import { expect } from "vitest";
import { listen } from "./start-fastify.js";

const closing: (() => Promise<void>)[] = [];

/** Ends every server of a test. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0)) await close();
}

/** A service's idempotency over memory, and what it told its listener. */
export function createOnce(store: Store = memoryStore()) {
  const events: OnceoverEvent[] = [];
  const on = (event: OnceoverEvent) => void events.push(event);
  const once = createOnceover<FastifyRequest>({
    service: "fastify",
    revision: "r1",
    store,
    scope: SHARED_SCOPE,
    on,
  });
  return { once, events, count: (type: OnceoverEvent["type"]) => events.filter((event) => event.type === type).length };
}

type Build = (app: FastifyInstance, once: Onceover<FastifyRequest>) => unknown;

/** Serves an application that `build` is given, and posts to it with the key `k`. */
export async function serve(build: Build, options: FastifyServerOptions & { readonly store?: Store } = {}) {
  const { store, ...server } = options;
  const told = createOnce(store);
  const app = Fastify(server);
  await build(app, told.once);
  const { url, close } = await listen(app);
  closing.push(close);
  async function post(path: string, init: RequestInit = {}) {
    const headers = { "Idempotency-Key": "k", ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(`${url}${path}`, { method: "POST", redirect: "manual", ...init, headers });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
  return { url, app, post, ...told };
}

export type Post = Awaited<ReturnType<typeof serve>>["post"];

/** Posts twice; the second answer must be the first one again. */
export async function postTwice(post: Post, path: string, init?: RequestInit) {
  const [first, again] = [await post(path, init), await post(path, init)];
  expect([first.headers.get("idempotency-replayed"), again.headers.get("idempotency-replayed")]).toEqual([
    null,
    "true",
  ]);
  expect([again.status, again.text]).toEqual([first.status, first.text]);
  return { first, again };
}
