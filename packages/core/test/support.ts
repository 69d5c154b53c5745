import type { OnceoverEvent } from "../src/event.js";
import type { BodyFacts, HeaderLine, RequestFacts } from "../src/facts.js";
import { memoryStore } from "../src/memory-store.js";
import { createOnceoverOn, type Mount, type Onceover } from "../src/onceover.js";
import type { MountOptions, OnceoverOptions } from "../src/options.js";
import type { Release, Run } from "../src/run.js";
import type { ScopeValue } from "../src/scope.js";
import type { Verdict } from "../src/verdict.js";
import { type FakePlatform, fakePlatform } from "./fake-platform.js";
import { type ScriptedStore, scriptedStore } from "./scripted-store.js";

export interface TestRequest {
  readonly caller: ScopeValue;
}

/** One request of a test: the defaults are a payment by alice under the key `k-1`. */
export interface Sent {
  readonly method?: string;
  readonly target?: string;
  /** The lines of `Idempotency-Key`. */
  readonly key?: string | readonly string[];
  readonly contentType?: string;
  readonly body?: string | BodyFacts;
  readonly caller?: ScopeValue;
  readonly lastEventId?: string;
}

/** The facts an adapter would read. */
export function factsOf(sent: Sent = {}): RequestFacts<TestRequest> {
  const { method = "POST", target = "/payments", key = "k-1", contentType = "application/json" } = sent;
  const { body = '{"amount":1}' } = sent;
  // Given as undefined it is undefined: a scope that names nobody is a case of its own.
  const caller = "caller" in sent ? sent.caller : "alice";
  const headers: Readonly<Record<string, readonly string[]>> = {
    "idempotency-key": typeof key === "string" ? [key] : key,
    "content-type": [contentType],
    ...(sent.lastEventId === undefined ? {} : { "last-event-id": [sent.lastEventId] }),
  };
  return {
    method,
    target,
    header: (name) => headers[name] ?? [],
    body: () => (typeof body === "string" ? bytesOf(body) : body),
    request: { caller },
  };
}

export function bytesOf(text: string): BodyFacts & { outcome: "bytes" } {
  return { outcome: "bytes", bytes: new TextEncoder().encode(text) };
}

/** One process of a service: an instance of onceover over a store that other processes may share. */
export interface Process {
  readonly once: Onceover<TestRequest>;
  readonly events: OnceoverEvent[];
  /** Sends a request through a mount of these options; the mount is made once per options object. */
  send(sent?: Sent, options?: MountOptions<TestRequest>): Promise<Verdict>;
  /** Sends, and runs the handler to its end: `201 {"ok":true}` where `answer` says nothing else. */
  pay(sent?: Sent, options?: MountOptions<TestRequest>, answer?: Partial<Reply>): Promise<Release>;
  eventsOf<T extends OnceoverEvent["type"]>(type: T): Extract<OnceoverEvent, { type: T }>[];
}

export interface House extends Process {
  readonly platform: FakePlatform;
  readonly store: ScriptedStore;
  /** Another process over the same store and clock. */
  another(options?: Partial<OnceoverOptions<TestRequest>>): Process;
}

/** A service of one process over a scripted memory store on a fake clock; its store is examined and no call counted yet. */
export async function openHouse(options: Partial<OnceoverOptions<TestRequest>> = {}): Promise<House> {
  const house = openUnexaminedHouse(options);
  await house.once.ready();
  house.store.reset();
  return house;
}

/** As `openHouse`, with `script` played on the store before it is examined. */
export function openUnexaminedHouse(
  options: Partial<OnceoverOptions<TestRequest>> = {},
  script: (store: ScriptedStore) => void = () => {},
): House {
  const platform = fakePlatform();
  const store = scriptedStore(memoryStore({ nowMs: platform.epochMs }));
  script(store);
  const another = (more: Partial<OnceoverOptions<TestRequest>> = {}) =>
    openProcess(platform, { store, ...options, ...more });
  return { ...another(), platform, store, another };
}

function openProcess(
  platform: FakePlatform,
  options: Partial<OnceoverOptions<TestRequest>> & Pick<OnceoverOptions<TestRequest>, "store">,
): Process {
  const events: OnceoverEvent[] = [];
  const once = createOnceoverOn<TestRequest>(platform, {
    service: "payments",
    revision: "r42",
    scope: (request) => request.caller,
    on: (event) => void events.push(event),
    ...options,
  });
  const mounts = new Map<MountOptions<TestRequest>, Mount<TestRequest>>();
  const mountOf = (mount: MountOptions<TestRequest>) => {
    const found = mounts.get(mount) ?? once.mount(mount);
    mounts.set(mount, found);
    return found;
  };
  const send: Process["send"] = async (sent, mount = NO_OPTIONS) => mountOf(mount).attempt(factsOf(sent));
  return {
    once,
    events,
    send,
    pay: async (sent, mount, answer) => finish(runOf(await send(sent, mount)), answer),
    eventsOf: (type) =>
      events.filter((event): event is Extract<OnceoverEvent, { type: typeof type }> => event.type === type),
  };
}

/** Begins a run in a process of its own and lets that process die: it renews no lease and never answers. */
export async function crash(house: House, options: MountOptions<TestRequest>): Promise<Run> {
  const store = scriptedStore(house.store);
  store.always("renew", "lose-request");
  return runOf(await house.another({ store }).send({}, options));
}

const NO_OPTIONS: MountOptions<TestRequest> = {};

/** What a handler answers. */
export interface Reply {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: string;
}

const JSON_TYPE: readonly HeaderLine[] = [["Content-Type", "application/json"]];

/** Ends a run with an answer. */
export function finish(run: Run, reply: Partial<Reply> = {}): Promise<Release> {
  const { status = 201, headers = JSON_TYPE, body = '{"ok":true}' } = reply;
  run.head(status, headers, []);
  run.write(new TextEncoder().encode(body));
  return run.end();
}

/** The run a verdict begins. */
export function runOf(verdict: Verdict): Run {
  if (verdict.action === "run") return verdict.run;
  throw new Error(`expected a run, got ${verdict.action === "answer" ? describe(verdict) : verdict.action}`);
}

function describe(verdict: Verdict): string {
  const { status, text } = seen(verdict);
  return `${status} ${text}`;
}

/** An answer as a client would see it. */
export interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The answer of a verdict, or of a release that puts another one in place of the handler's. */
export function seen(verdict: Verdict | Release): Seen {
  if (verdict.action !== "answer" && verdict.action !== "replace") throw new Error(`no answer but ${verdict.action}`);
  const { status, headers, chunks } = verdict.answer;
  return { status, headers: Object.fromEntries(headers), text: Buffer.concat(chunks).toString() };
}

/** Reads along with the answer of a verdict that joins a stream. */
export function joined(verdict: Verdict): Reading {
  if (verdict.action !== "join") throw new Error(`expected to join, got ${verdict.action}`);
  const { status, headers, body } = verdict.answer;
  const reader = body.getReader();
  return {
    status,
    headers: Object.fromEntries(headers),
    cancel: () => reader.cancel(),
    async next() {
      const { done, value } = await reader.read();
      return done ? "end" : Buffer.from(value).toString();
    },
  };
}

export interface Reading {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The next piece of the body, or `end`; rejects where it is cut off. */
  next(): Promise<string>;
  cancel(): Promise<void>;
}

/** Sends one piece of a run's body. */
export function say(run: Run, text: string): void {
  run.write(new TextEncoder().encode(text));
}

/** The problem of a verdict that refuses. */
export function problem(verdict: Verdict | Release): Readonly<Record<string, unknown>> {
  const { headers, text } = seen(verdict);
  if (headers["Content-Type"] !== "application/problem+json") throw new Error(`no problem but ${text}`);
  return JSON.parse(text);
}

/** Whether a promise is still pending once everything that needs no timer has happened. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  void promise.then(() => {
    pending = false;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return pending;
}

/** A promise and its resolve. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
