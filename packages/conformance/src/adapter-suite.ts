import type { ServerResponse } from "node:http";
import type { HeaderLine, MountOptions, Once, OnceoverOptions, Pinned, ScopeValue, Store } from "@onceover/core";
import type { GivenForwarder } from "@onceover/core/revisions";

/** What `describeAdapter` is given. */
export interface AdapterSuite {
  /** Starts a server on a free port of 127.0.0.1 whose routes are made idempotent by the adapter. */
  start(setup: AdapterSetup): Promise<AdapterServer>;
  /**
   * Opens a store for one case; two servers of a case share it, as two processes would.
   * @default a memory store
   */
  openStore?(): Promise<OpenedStore>;
  /**
   * Whether pins and revisions are tried. They are the same over every store: an adapter that proves them over one may leave them
   * out over others.
   * @default true
   */
  readonly pins?: boolean;
  /**
   * What the suite's client speaks: with `"h2"`, what only HTTP/1.1 has is left out (pipelining, half-closed connections,
   * HTTP/1.0, status messages, header names in upper case), and what only HTTP/2 has is tried.
   * @default "http/1.1"
   */
  readonly protocol?: Protocol;
  /** How requests get to another revision. @default by `fetchForward()`, to a server that `start` started */
  readonly forwarding?: AdapterForwarding;
  readonly capabilities: AdapterCapabilities;
}

/** How the requests of a case get to another revision. */
export interface AdapterForwarding {
  /** Makes the forwarder of one instance. */
  forwarder(): GivenForwarder;
  /** Starts the servers that requests are passed on to, where those of `start` do not speak HTTP/1.1. @default `start` */
  startTarget?: AdapterSuite["start"];
}

/** A protocol, by its ALPN name. */
export type Protocol = "http/1.1" | "h2";

/** A server that `start` started. */
export interface AdapterServer {
  /** Without a slash at its end, such as `http://127.0.0.1:49152`; `https:` for TLS, with whatever certificate. */
  readonly url: string;
  /** Ends every connection and settles when nothing of the server is left. The store stays open. */
  close(): Promise<void>;
}

/** A store for one case. */
export interface OpenedStore {
  readonly store: Store;
  close(): Promise<void>;
}

/** What the framework under the adapter can do; cases that need what is missing are left out. */
export interface AdapterCapabilities {
  /** Body parsers for JSON and forms can run before the adapter and behind it: `AdapterRoute.bodyParser`. */
  readonly bodyParser: boolean;
  /** The framework sends files by itself: replies `how: "file"`. */
  readonly sendFile: boolean;
  /** Handlers write to Node's own `ServerResponse`: replies `how: "node"`. */
  readonly nodeResponse: boolean;
  /**
   * The runtime tells of each timer and socket that comes and goes, by `node:async_hooks`. Node does; Bun tells nothing,
   * and Deno does not say that a socket is gone.
   * @default true
   */
  readonly resourceCounts?: boolean;
  /**
   * The framework answers what a handler throws, whether the request has a key or not. A bare listener of Node throws it at the
   * process, and a fetch handler at the runtime.
   * @default true
   */
  readonly errorAnswers?: boolean;
}

/** What a server has to serve. Each `start` makes an onceover of its own, as each process has one. */
export interface AdapterSetup {
  /** For `createOnceover`, complete but for `scope`. */
  readonly instance: Omit<OnceoverOptions<unknown>, "scope">;
  /** The instance's `scope`: names the caller from the headers of a request, `header` giving `undefined` for none. */
  scope(header: (name: string) => string | undefined): ScopeValue;
  readonly routes: readonly AdapterRoute[];
}

/** One route, for every method. */
export interface AdapterRoute {
  /** Such as `/pay`. */
  readonly path: string;
  /** The prefix of the router the route belongs to, such as `/v1`; the adapter is mounted inside it. */
  readonly router?: string;
  /** Options of the mount. */
  readonly options?: MountOptions<unknown>;
  /** Options of another mount of the same instance, which a request passes before that one. @default there is none */
  readonly outer?: MountOptions<unknown>;
  /** Parsers for JSON, urlencoded forms and text run before the adapter or behind it. @default none runs */
  readonly bodyParser?: "before" | "after";
  /** Header lines that a middleware in front of the adapter sets, anew for each request. */
  headersBefore?(): readonly HeaderLine[];
  /** @default there is none behind the mount, and the framework says that it has found nothing: 404 */
  readonly handler?: NeutralHandler;
}

/** A handler no framework is needed for. What it throws, or rejects with, the glue passes on as the framework's handlers would. */
export type NeutralHandler = (call: HandlerCall) => Reply | Promise<Reply>;

/** A request, as a neutral handler sees it. */
export interface HandlerCall {
  readonly once: Once | undefined;
  readonly pinned: Pinned | undefined;
  /** The body: the bytes that came as latin1 where no parser ran, the JSON of what the parser made where one did. */
  body(): Promise<string>;
  /** Where no parser ran: a first piece of the body, as latin1; the rest is left unread. */
  firstPiece(): Promise<string>;
}

interface Head {
  readonly status: number;
  /** One per line: two lines of one name are two lines on the wire. */
  readonly headers: readonly HeaderLine[];
}

/** What a handler answers, and by which of the framework's ways. */
export type Reply =
  /** As JSON: `res.json`, `c.json`, `reply.send(object)`. */
  | (Head & { readonly how: "json"; readonly value: unknown })
  /** At once: `res.send`, `end(bytes)`, `new Response(bytes)`. */
  | (Head & { readonly how: "send"; readonly body: Uint8Array })
  /** Without a body: `sendStatus`, `end()`, `new Response(null)`. */
  | (Head & { readonly how: "empty" })
  | { readonly how: "redirect"; readonly status: number; readonly location: string }
  /** Chunk by chunk, each sent as soon as it comes. A source that fails cuts the answer off. */
  | (Head & { readonly how: "write"; readonly source: AsyncIterable<Uint8Array> })
  /** By the framework's way of sending a stream. A source that fails cuts the answer off. */
  | (Head & { readonly how: "pipe"; readonly source: AsyncIterable<Uint8Array> })
  /** A file from the disk, as `text/plain`. Asked for only with `capabilities.sendFile`. */
  | { readonly how: "file"; readonly path: string }
  /** By hand. Asked for only with `capabilities.nodeResponse`. */
  | { readonly how: "node"; answer(response: ServerResponse): unknown };
