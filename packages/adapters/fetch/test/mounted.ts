import {
  createOnceover,
  type MountOptions,
  memoryStore,
  type OnceoverEvent,
  SHARED_SCOPE,
  type Store,
} from "@onceover/core";
import { expect, vi } from "vitest";
import { type OnceoverHandler, withOnceover } from "../src/index.js";

/** A handler made idempotent over a fresh memory store. */
export function mounted<Incoming extends Request, Rest extends readonly unknown[]>(
  handler: OnceoverHandler<Incoming, Rest>,
  options?: MountOptions<Request>,
  store: Store = memoryStore(),
) {
  const events: OnceoverEvent[] = [];
  const once = createOnceover<Request>({
    service: "payments",
    revision: "r1",
    store,
    scope: SHARED_SCOPE,
    on: (event) => events.push(event),
  });
  return { fetch: withOnceover(once, handler, options), once, events };
}

export function post(init: RequestInit = {}): Request {
  return new Request("https://pay.example/charges?to=bob", {
    method: "POST",
    headers: { "Idempotency-Key": "k" },
    body: "amount=1",
    ...init,
  });
}

export async function code(response: Response): Promise<unknown> {
  return JSON.parse(await response.text()).code;
}

/** A store that keeps a record waiting until it is let go. */
export function slowStore() {
  const store = memoryStore();
  let [reach, release] = [() => {}, () => {}];
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const complete: Store["complete"] = async (...args) => {
    reach();
    await released;
    return store.complete(...args);
  };
  return { store: { ...store, complete }, reached, release };
}

/** A body that is written by hand. */
export function opened() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    readable,
    send: (text: string) => writer.write(new TextEncoder().encode(text)),
    close: () => writer.close(),
  };
}

export function streamOf(chunk: unknown): ReadableStream {
  return new ReadableStream({ start: (controller) => controller.enqueue(chunk) });
}

export function taken(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

export function told(events: readonly OnceoverEvent[], type: OnceoverEvent["type"]) {
  return vi.waitFor(() => expect(events.map((event) => event.type)).toContain(type), 10_000);
}
