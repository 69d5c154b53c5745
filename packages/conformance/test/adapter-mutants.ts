import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type HeaderLine, memoryStore, type Store } from "@onceover/core";
import type { AdapterRoute, AdapterServer, AdapterSetup, HandlerCall, Reply } from "../src/adapter-suite.js";

type Start = (setup: AdapterSetup) => Promise<AdapterServer>;

/** An adapter with a planted bug, and the rule that must notice. */
export interface AdapterMutant {
  readonly bug: string;
  readonly rule: RegExp;
  plant(start: Start): Start;
}

const inSetup = (change: (setup: AdapterSetup) => AdapterSetup) => (start: Start) => (setup: AdapterSetup) =>
  start(change(setup));

const inStore = (change: (store: Store) => Partial<Store>) =>
  inSetup((setup) => {
    const { store } = setup.instance;
    return { ...setup, instance: { ...setup.instance, store: { ...store, ...change(store) } } };
  });

const inRoutes = (change: (route: AdapterRoute) => Partial<AdapterRoute>) =>
  inSetup((setup) => ({ ...setup, routes: setup.routes.map((route) => ({ ...route, ...change(route) })) }));

const inOptions = (options: AdapterRoute["options"]) =>
  inRoutes((route) => ({ options: { ...route.options, ...options } }));

const inCalls = (change: (call: HandlerCall) => HandlerCall) =>
  inRoutes(({ handler }) => (handler === undefined ? {} : { handler: (call) => handler(change(call)) }));

const inReplies = (change: (reply: Reply) => Reply | Promise<Reply>) =>
  inRoutes(({ handler }) => (handler === undefined ? {} : { handler: async (call) => change(await handler(call)) }));

/** What Node publishes of each request. */
interface Started {
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly server: Server;
}

/** Does something at the begin of each request, beside what the adapter does. */
const atRequests =
  (act: (started: Started) => void) =>
  (start: Start): Start =>
  async (setup) => {
    const { url, close } = await start(setup);
    // Of this channel, Node's documentation promises these members.
    const acting = (started: unknown) => act(started as Started);
    subscribe("http.server.request.start", acting);
    return {
      url,
      close() {
        unsubscribe("http.server.request.start", acting);
        return close();
      },
    };
  };

/** Does something to each head, just before it leaves. */
const atHeads = (act: (response: ServerResponse) => void) =>
  atRequests(({ response }) => {
    const { writeHead } = response;
    response.writeHead = (...given: unknown[]) => {
      if (!response.headersSent) act(response);
      return Reflect.apply(writeHead, response, given);
    };
  });

/** Where no request is being handled. */
const outside = AsyncLocalStorage.snapshot();

/** Bugs in what pins are to an adapter. */
const PIN_MUTANTS: readonly AdapterMutant[] = [
  {
    bug: "answers say nothing of pins",
    rule: /^JSON says its revision and pins.*: with pins alone/,
    plant: inOptions({ pins: false }),
  },
  {
    bug: "what the application says of its revision counts",
    rule: /^JSON says its revision and pins.*: with pins alone/,
    plant: atHeads((response) => response.setHeader("Revision", "r99")),
  },
  {
    bug: "pins do not reach the handler",
    rule: /^the pins of a request reach the handler.*: with pins alone/,
    plant: inCalls((call) => ({ ...call, pinned: undefined })),
  },
  {
    bug: "no mount requires pins",
    rule: /^required is said by the service/,
    plant: inOptions({ pins: { required: false } }),
  },
  {
    bug: "the instance's fetch does not know whose request is being handled",
    rule: /^the instance's fetch sends the pins of the request on, before/,
    plant: inRoutes(({ handler }) =>
      handler === undefined ? {} : { handler: (call) => outside(() => handler(call)) },
    ),
  },
  {
    bug: "what the application varies by is lost",
    rule: /^no pin is given .*: public$/,
    plant: atHeads((response) => response.setHeader("Vary", "Schema-Rev, Index-Hash, Revision-Pin, Cookie")),
  },
  {
    bug: "cookies are set twice",
    rule: /^where a request passes two mounts, a cookie is set once/,
    plant: atHeads((response) => {
      const cookies = [response.getHeader("Set-Cookie") ?? []].flat().map(String);
      if (cookies.length > 0) response.setHeader("Set-Cookie", [...cookies, ...cookies]);
    }),
  },
  {
    bug: "what is forwarded is run here as well",
    rule: /^a key that is forwarded runs once over there/,
    plant: inOptions({ pins: false }),
  },
];

export const ADAPTER_MUTANTS: readonly AdapterMutant[] = [
  ...PIN_MUTANTS,
  {
    bug: "no key is looked at",
    rule: /^a key runs the handler once/,
    plant: inOptions({ methods: ["TRACE"] }),
  },
  {
    bug: "every caller has one scope",
    rule: /^two callers with one key/,
    plant: inSetup((setup) => ({ ...setup, scope: () => "everybody" })),
  },
  {
    bug: "a missing scope becomes a scope",
    rule: /^a scope that yields nothing/,
    plant: inSetup((setup) => ({ ...setup, scope: (header) => setup.scope(header) || "nobody" })),
  },
  { bug: "a required key is not required", rule: /^required:/, plant: inOptions({ required: false }) },
  {
    bug: "the payload is not compared",
    rule: /^another payload under a used key/,
    plant: inOptions({ fingerprint: "off" }),
  },
  {
    bug: "the handler finds no body",
    rule: /^without a parser the handler reads/,
    plant: inCalls((call) => ({ ...call, body: async () => "" })),
  },
  {
    bug: "the handler is not given its run",
    rule: /^the handler is told its key/,
    plant: inCalls((call) => ({ ...call, once: undefined })),
  },
  {
    bug: "header lines are kept in a map",
    rule: /^two Set-Cookie lines/,
    plant: inReplies((reply) =>
      "headers" in reply ? { ...reply, headers: [...new Map<string, string>(reply.headers)] as HeaderLine[] } : reply,
    ),
  },
  {
    bug: "the last byte does not wait for the record",
    rule: /^an answer sent at once: its last byte/,
    plant: inStore((store) => ({
      async complete(...args) {
        void store.complete(...args);
        return "ok";
      },
    })),
  },
  {
    bug: "each process keeps records of its own",
    rule: /^of fifty POSTs at once over two processes/,
    plant: inSetup((setup) => ({ ...setup, instance: { ...setup.instance, store: memoryStore() } })),
  },
  {
    bug: "a failed run is always run again",
    rule: /^effects once: a 503 of the handler's own/,
    plant: inOptions({ effects: "repeatable" }),
  },
  {
    bug: "a failed run is never run again",
    rule: /^effects repeatable: a 503 of the handler's own/,
    plant: inOptions({ effects: "once" }),
  },
  {
    bug: "a store that is down is passed by",
    rule: /^store down before the run/,
    plant: inOptions({ onStoreDown: "run" }),
  },
  {
    bug: "a client that hangs up cuts the run",
    rule: /^a client that hangs up in the middle of a write/,
    plant: atRequests(({ socket, response }) => socket.on("close", () => response.destroy())),
  },
  {
    bug: "a listener stays on the connection",
    rule: /^nothing leaks: a connection has no more listeners/,
    plant: atRequests(({ socket }) => socket.on("close", () => {})),
  },
  {
    bug: "a timer is started for each client that hangs up, and never ended",
    rule: /^nothing leaks: .* clients that hang up in mid-stream/,
    plant: atRequests(({ socket }) => socket.on("close", () => setTimeout(() => {}, 3_600_000).unref())),
  },
  {
    bug: "half an answer ends like a whole one",
    rule: /^a handler that sends half of its answer and destroys it:/,
    plant: inReplies((reply) => {
      if (reply.how !== "node") return reply;
      const answer = (response: ServerResponse) => {
        response.destroy = () => response.end();
        return reply.answer(response);
      };
      return { how: "node", answer };
    }),
  },
  {
    bug: "the last byte of a declared length does not wait for the record",
    rule: /^a stream of declared length, its halves apart/,
    plant: inStore((store) => ({
      async complete(...args) {
        void store.complete(...args);
        return "ok";
      },
    })),
  },
];
