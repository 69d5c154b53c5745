import type { ServerResponse } from "node:http";
import { type HeaderLine, type MountOptions, memoryStore, type OnceoverEvent } from "@onceover/core";
import { fetchForward } from "@onceover/core/revisions";
import { expect } from "vitest";
import { connect, send } from "./adapter-client.js";
import type { ClientConnection } from "./adapter-exchange.js";
import { openRaw, type RawConnection } from "./adapter-raw.js";
import { CALLER_HEADER, type ClientAnswer, type ClientRequest } from "./adapter-request.js";
import { type ControlledStore, controlledStore } from "./adapter-store.js";
import type {
  AdapterCapabilities,
  AdapterForwarding,
  AdapterRoute,
  AdapterSetup,
  AdapterSuite,
  NeutralHandler,
  OpenedStore,
  Protocol,
  Reply,
} from "./adapter-suite.js";

/** One rule an adapter keeps, and the steps that show whether it does. */
export interface AdapterCase {
  readonly rule: string;
  /** Left out where the framework has no such thing. */
  readonly needs?: keyof AdapterCapabilities | readonly (keyof AdapterCapabilities)[];
  /** Left out where the client speaks another protocol, which has no such thing. */
  readonly only?: Protocol;
  /** It waits for seconds, and is begun first. */
  readonly takesLong?: true;
  /** Rejects where the adapter breaks the rule. The caller closes the bench. */
  run(bench: AdapterBench): Promise<void>;
}

/** What a case works with: one store, and servers on it. */
export interface AdapterBench {
  readonly store: ControlledStore;
  /**
   * Starts a server whose route `/pay`, unless it is told otherwise, has this handler; to a `target` requests are passed on.
   * @param role @default "front"
   */
  serve(
    route: NeutralHandler | RouteLike | readonly RouteLike[],
    instance?: InstanceLike,
    role?: "front" | "target",
  ): Promise<App>;
  /** Makes what passes the requests of an instance on. */
  forwarder: AdapterForwarding["forwarder"];
  /** Has something ended with the bench, before what was begun earlier. */
  defer(end: () => unknown): void;
  /** Closes the servers, then the store. */
  close(): Promise<void>;
}

/** A route, mostly left to the defaults. */
export type RouteLike = Omit<AdapterRoute, "path"> & { readonly path?: string };

/** What an instance has beside the defaults. */
export type InstanceLike = Partial<AdapterSetup["instance"]>;

/** A server under test. */
export interface App {
  readonly url: string;
  /** How often a handler was called. */
  readonly runs: number;
  /** What the onceover of this server told its listener. */
  readonly events: readonly OnceoverEvent[];
  /** Sends a request on a connection of its own and takes the whole answer. */
  send(request: ClientRequest, signal?: AbortSignal): Promise<ClientAnswer>;
  /** Sends a request on a connection of its own, which is ended with the bench. */
  open: ClientConnection["open"];
  /** A connection for several requests, ended with the bench. */
  connect(): ClientConnection;
  /** A connection on which the case speaks HTTP/1.1 itself, ended with the bench. */
  raw(): RawConnection;
  close(): Promise<void>;
}

/** How long a case watches for what must not happen, in milliseconds. A longer watch would find no more on a healthy machine. */
export const QUIET_MS = 30;

/** Opens the store for one case. */
export async function openBench(suite: AdapterSuite): Promise<AdapterBench> {
  const { openStore = openMemory, forwarding = FETCHED } = suite;
  const opened = await openStore();
  const store = controlledStore(opened.store);
  const closing: (() => unknown)[] = [];
  return {
    store,
    forwarder: forwarding.forwarder,
    defer: (end) => void closing.push(end),
    async serve(route, instance = {}, role = "front") {
      const { setup, told } = setupOf(store, route, instance);
      const { start, protocol } = serverOf(suite, role);
      const server = await start(setup);
      const close = once(() => server.close());
      const { url } = server;
      closing.push(close);
      const ending = <T extends { destroy(): void }>(connection: T): T => {
        closing.push(connection.destroy);
        return connection;
      };
      const app = {
        url,
        close,
        connect: () => ending(connect(url, protocol)),
        open: (...request: Parameters<App["open"]>) => ending(connect(url, protocol)).open(...request),
        raw: () => ending(openRaw(url)),
        send: (...request: Parameters<App["send"]>) => send(connect(url, protocol), ...request),
      };
      // Not spread: `runs` changes.
      return Object.assign(told, app);
    },
    async close() {
      for (const end of closing.reverse()) await end();
      await opened.close();
    },
  };
}

const FETCHED: AdapterForwarding = { forwarder: () => fetchForward() };

function serverOf(
  { start, protocol, forwarding }: AdapterSuite,
  role: "front" | "target",
): { readonly start: AdapterSuite["start"]; readonly protocol: AdapterSuite["protocol"] } {
  const target = role === "target" ? forwarding?.startTarget : undefined;
  return target === undefined ? { start, protocol } : { start: target, protocol: "http/1.1" };
}

async function openMemory(): Promise<OpenedStore> {
  const store = memoryStore();
  return { store, close: () => store.close() };
}

function once(close: () => Promise<void>): () => Promise<void> {
  let closed: Promise<void> | undefined;
  return () => {
    closed ??= close();
    return closed;
  };
}

function setupOf(store: ControlledStore, given: Parameters<AdapterBench["serve"]>[0], instance: InstanceLike) {
  const events: OnceoverEvent[] = [];
  const told = { runs: 0, events };
  const routes = Array.isArray(given) ? given : [typeof given === "function" ? { handler: given } : given];
  const count = ({ handler, ...route }: RouteLike): AdapterRoute => {
    if (handler === undefined) return { path: "/pay", ...route };
    const counted: NeutralHandler = (call) => {
      told.runs += 1;
      return handler(call);
    };
    return { path: "/pay", ...route, handler: counted };
  };
  const on = (event: OnceoverEvent) => void events.push(event);
  const setup: AdapterSetup = {
    instance: { service: "conformance", revision: "r1", store, on, ...instance },
    scope: (header) => header(CALLER_HEADER),
    routes: routes.map(count),
  };
  return { setup, told };
}

/** A reply of a JSON value. */
export function json(value: unknown, status = 201, headers: readonly HeaderLine[] = []): Reply {
  return { how: "json", status, headers, value };
}

/** A reply of text, sent at once. */
export function text(body: string, status = 200, headers: readonly HeaderLine[] = PLAIN): Reply {
  return { how: "send", status, headers, body: Buffer.from(body) };
}

/** A reply of text, streamed piece by piece; `before` is awaited before a piece is made. */
export function streamed(
  how: "write" | "pipe",
  pieces: readonly string[],
  before: (index: number) => unknown = () => {},
  headers: readonly HeaderLine[] = PLAIN,
): Reply {
  return { how, status: 200, headers, source: pour(pieces, before) };
}

async function* pour(pieces: readonly string[], before: (index: number) => unknown): AsyncGenerator<Uint8Array> {
  for (const [index, piece] of pieces.entries()) {
    await before(index);
    yield Buffer.from(piece);
  }
  await before(pieces.length);
}

/** A reply written to Node's own response. */
export function byHand(answer: (response: ServerResponse) => unknown): Reply {
  return { how: "node", answer };
}

/** The header of a text. */
export const PLAIN: readonly HeaderLine[] = [["Content-Type", "text/plain; charset=utf-8"]];

/** A handler that answers `{ run: n }`, a fresh number each time. */
export function numbered(status = 201): NeutralHandler {
  let runs = 0;
  return () => json({ run: ++runs }, status);
}

/** A route with the numbered handler and these mount options. */
export function numberedRoute(options: MountOptions<unknown>): RouteLike {
  return { options, handler: numbered() };
}

/** Expects an answer to be the one that was given before, sent again. */
export function expectReplay(answer: ClientAnswer, first: ClientAnswer): void {
  expect(answer.status).toBe(first.status);
  expect(answer.body.equals(first.body), `${answer.text} is not ${first.text}`).toBe(true);
  expect(answer.lines("idempotency-replayed")).toEqual(["true"]);
}

/** Expects a problem as docs/errors.md describes it, and hands out its members. */
export function expectProblem(
  answer: ClientAnswer,
  status: number,
  code: string,
  executed: boolean | "unknown" = false,
): Readonly<Record<string, unknown>> {
  expect(answer.header("content-type")).toBe("application/problem+json");
  expect(answer.header("cache-control")).toBe("no-store");
  const problem = JSON.parse(answer.text);
  expect({ sent: answer.status, ...problem }).toMatchObject({
    sent: status,
    status,
    code,
    executed,
    type: `urn:onceover:problem:${code}`,
    title: expect.stringMatching(/\.$/),
  });
  return problem;
}
