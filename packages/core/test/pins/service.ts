import type { OnceoverEvent } from "../../src/event.js";
import type { HeaderLine, RequestFacts } from "../../src/facts.js";
import { memoryStore } from "../../src/memory-store.js";
import { createOnceoverOn, type Mount } from "../../src/onceover.js";
import type { MountOptions } from "../../src/options.js";
import type { PinnedOnceover } from "../../src/pinned.js";
import { pins } from "../../src/pins/attach.js";
import type { PinOptions } from "../../src/pins/pin-settings.js";
import { createPinKeys } from "../../src/revisions/create-pin-keys.js";
import { revisions } from "../../src/revisions/create-revisions.js";
import type { Forwarder } from "../../src/revisions/forwarder.js";
import type { PinKeys } from "../../src/revisions/pin-keys.js";
import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import type { Verdict } from "../../src/verdict.js";
import { type FakePlatform, fakePlatform } from "../fake-platform.js";
import type { ScriptedRegistry } from "../revisions/scripted-registry.js";
import { type ScriptedStore, scriptedStore } from "../scripted-store.js";
import { bytesOf, finish, type TestRequest } from "../support.js";

/** One request of a test: a GET of `/search` without a key where it says nothing else. */
export interface Asked {
  readonly method?: string;
  readonly target?: string;
  /** By name in lower case; a list is as many lines. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly key?: string;
  readonly body?: string;
}

/** The facts an adapter would read. */
export function factsOf({
  method = "GET",
  target = "/search",
  headers = {},
  key,
  body = "{}",
}: Asked): RequestFacts<TestRequest> {
  const lines: Asked["headers"] = key === undefined ? headers : { ...headers, "idempotency-key": key };
  return {
    method,
    target,
    header(name) {
      const found = lines?.[name] ?? [];
      return typeof found === "string" ? [found] : found;
    },
    body: () => bytesOf(body),
    request: { caller: "alice" },
  };
}

/** What the tests' requests are of. */
export type Kind = "document" | "get" | "post" | "stream";

/** What a client of that kind sends, and what a handler answers it. */
export const KINDS: Readonly<Record<Kind, { readonly asked: Asked; readonly status: number; readonly type: string }>> =
  {
    document: {
      asked: { headers: { accept: "text/html,*/*;q=0.8", "sec-fetch-mode": "navigate" } },
      status: 200,
      type: "text/html",
    },
    get: { asked: { headers: { accept: "application/json" } }, status: 200, type: "application/json" },
    post: { asked: { method: "POST", key: "k-1" }, status: 201, type: "application/json" },
    stream: { asked: { headers: { accept: "text/event-stream" } }, status: 200, type: "text/event-stream" },
  };

/** Signs the pins of all services here. */
export const KEYS: PinKeys = createPinKeys({
  service: "search",
  keys: [{ id: "a", secret: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }],
});

/** Never called: what is forwarded is seen in the verdict. */
export const FORWARDER: Forwarder = { fetch: () => Promise.reject(new Error("nothing is forwarded here")) };

/** One instance of a service with pins, on a clock of its own. */
export interface PinnedService {
  readonly once: PinnedOnceover<TestRequest>;
  readonly platform: FakePlatform;
  readonly store: ScriptedStore;
  readonly events: OnceoverEvent[];
  /** Sends a request through a mount of these options; the mount is made once per options object. */
  send(asked?: Asked, options?: MountOptions<TestRequest>): Promise<Verdict>;
  /** Sends it, and has the handler answer as for that kind. */
  ask(kind: Kind, asked?: Asked, options?: MountOptions<TestRequest>): Promise<Outcome>;
}

/** What an instance is made of. */
export interface PinnedSetting {
  readonly revision?: string;
  readonly platform?: FakePlatform;
  readonly store?: ScriptedStore;
  readonly pins?: PinOptions<Record<never, never>>;
  /** Without a registry it knows of no other revision. */
  readonly revisions?: RevisionsOptions;
}

/** An instance of revision `r2` that writes schema revision 12 and accepts 11 where nothing else is said. */
export function pinnedService(setting: PinnedSetting = {}): PinnedService {
  const { revision = "r2", platform = fakePlatform(), revisions: side } = setting;
  const store = setting.store ?? scriptedStore(memoryStore({ nowMs: platform.epochMs }));
  const events: OnceoverEvent[] = [];
  const once = createOnceoverOn<TestRequest>(platform, {
    service: "search",
    revision,
    store,
    scope: ({ caller }) => caller,
    on: (event) => void events.push(event),
    pins: pins({
      ...(setting.pins ?? { writes: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] } }),
      ...(side === undefined ? {} : { revisions: revisions(side) }),
    }),
  }) as PinnedOnceover<TestRequest>;
  const mounts = new Map<MountOptions<TestRequest>, Mount<TestRequest>>();
  const send: PinnedService["send"] = async (asked = {}, options = NO_OPTIONS) => {
    const mount = mounts.get(options) ?? once.mount(options);
    mounts.set(options, mount);
    return mount.attempt(factsOf(asked));
  };
  return {
    once,
    platform,
    store,
    events,
    send,
    async ask(kind, asked, options) {
      const { asked: usual, status, type } = KINDS[kind];
      const headers = { ...usual.headers, ...asked?.headers };
      return outcomeOf(await send({ ...usual, ...asked, headers }, options), status, type);
    },
  };
}

const NO_OPTIONS: MountOptions<TestRequest> = {};

/** Options of revisions side by side in that registry. */
export function sideBySide(registry: ScriptedRegistry, more: Partial<RevisionsOptions> = {}): RevisionsOptions {
  return { registry, keys: KEYS, forwarder: FORWARDER, addresses: ["http://*.search.internal:8080"], ...more };
}

/** What became of a request, as its client and an operator see it. */
export interface Outcome {
  /** `served`: the handler ran here; `replayed`: a record; `reconnect`: an empty event stream; else where it was forwarded, or the status of its refusal. */
  readonly verdict: string | number;
  readonly problem?: Readonly<Record<string, unknown>>;
  /** Those that pins have to do with; a revision pin stands as `<pin of r2>`. */
  readonly headers: Readonly<Record<string, string>>;
}

async function outcomeOf(verdict: Verdict, status: number, type: string): Promise<Outcome> {
  switch (verdict.action) {
    case "forward":
      return { verdict: `to ${verdict.target.revision}`, headers: {} };
    case "pass":
    case "run": {
      if (verdict.action === "run") await finish(verdict.run, { status, headers: [["Content-Type", type]] });
      const lines = verdict.pinned?.dress(status, (name) => (name === "content-type" ? type : undefined)) ?? [];
      return { verdict: "served", headers: await headersOf(lines) };
    }
    case "answer": {
      const { answer } = verdict;
      const headers = await headersOf(answer.headers);
      if (answer.headers.some(([name]) => name === "Idempotency-Replayed")) return { verdict: "replayed", headers };
      if (answer.headers.some(([, value]) => value === "text/event-stream")) return { verdict: "reconnect", headers };
      if (answer.status === 307) return { verdict: 307, headers };
      return { verdict: answer.status, problem: problemOf(Buffer.concat(answer.chunks).toString()), headers };
    }
    case "join":
      return { verdict: "joined", headers: await headersOf(verdict.answer.headers) };
    // no default
  }
}

/** Without what another golden test holds: type and title. */
function problemOf(text: string): Readonly<Record<string, unknown>> {
  const { type: _type, title: _title, status: _status, ...members } = JSON.parse(text);
  return members;
}

const SHOWN =
  /^(?:revision|release|.*-rev|.*-hash|.*-tag|retry-after|cache-control|vary|revision-pin|set-cookie|location)$/i;

async function headersOf(lines: readonly HeaderLine[]): Promise<Readonly<Record<string, string>>> {
  const shown: Record<string, string> = {};
  for (const [name, value] of lines) {
    if (!SHOWN.test(name)) continue;
    if (name in shown) throw new Error(`${name} is there twice`);
    shown[name] = await named(value);
  }
  return shown;
}

/** Every token by the revision it is good for. */
async function named(value: string): Promise<string> {
  const [token] = /rp1\.[\w.-]+/.exec(value) ?? [];
  if (token === undefined) return value;
  const verified = await KEYS.verify(token, 0);
  const name = verified.outcome === "pin" ? `pin of ${verified.claims.revision}` : verified.why;
  return value.replace(token, `<${name}>`);
}
