import type { ServerResponse } from "node:http";
import { Server } from "node:net";
import type { Onceover } from "@onceover/core";
import { type DrainReport, type DrainState, drainingAnswer, refuseArrivals } from "@onceover/core/drain";
import type { NodeRequest } from "../node-request.js";
import { Departure } from "./departure.js";
import { standAtDoor } from "./door.js";
import type { DrainOptions } from "./drain-options.js";
import { drainSettings } from "./drain-settings.js";
import { createEndpoints } from "./endpoints.js";
import type { Exits } from "./farewell.js";
import { createHookCaller } from "./hooks.js";
import { Lobby } from "./lobby.js";

/** What takes a server out of service. */
export interface Drain {
  /** Where the instance stands on its way out. */
  readonly state: DrainState;
  /**
   * Begins to leave, once, and resolves with the report when all is over. Called again, it changes nothing and gives the same
   * report. Never rejects.
   * @param reason stands in the report. @default "call"
   */
  start(reason?: string): Promise<DrainReport>;
  /**
   * Answers requests for the endpoints, to be mounted in front of the application: `app.use(drain.endpoints)`. Passes all
   * others on to `next`, and answers them 404 where there is none.
   */
  endpoints(request: NodeRequest, response: EndpointResponse, next?: () => unknown): void;
}

/** A response of `node:http`, or of the compatibility API of `node:http2`. */
export interface EndpointResponse {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/**
 * Lets a server leave without cutting anyone off: `serving → hold → drain → farewell → closed`. To be called before it listens,
 * for a server of `node:http`, `node:https` or `node:http2`, whatever framework listens to it.
 *
 * From the start of the hold readiness is 503 and everything is served, until nobody comes any more. Then nothing new begins:
 * replays and pinned requests are answered, streams run to their end or are handed off. What is endless is told goodbye, and at
 * the deadline what is left is cut. The report says for each stream what became of it. The exit code of the process is 1 where
 * something was cut; the process itself is ended only where `exit` asks for it.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * const server = createServer(app);
 * const drain = drainable(server, once, { isEndless: ({ url }) => url?.startsWith("/news") ?? false });
 * app.use(drain.endpoints);
 * server.listen(8080);
 */
export function drainable<Request>(server: Server, once: Onceover<Request>, options: DrainOptions = {}): Drain {
  if (!(server instanceof Server))
    throw new TypeError(`server must be one of node:http, https or http2, got ${String(server)}`);
  if (typeof once?.drain !== "function")
    throw new TypeError(`once must be made by createOnceover(), got ${String(once)}`);
  if (LEAVING.has(server)) throw new TypeError("server was given to drainable() already");
  const settings = drainSettings(options);
  LEAVING.add(server);
  for (const warning of settings.plan.warnings) process.emitWarning(warning);
  const lobby = new Lobby(once.revision, settings, {
    changed: () => departure.changed(),
    streamEnded: (stream) => hooks.call("onStreamEnd", stream),
    isRefusal,
  });
  const hooks = createHookCaller(settings.hooks, lobby.ledger.hooks);
  const exits = exitsOf(server);
  const leaveBySignals = onSignals(settings.signals, (signal) => void departure.start(signal));
  const departure = new Departure({
    once,
    settings,
    lobby,
    hooks,
    exits,
    shut: () => once.drain(refuseArrivals(settings.retryMs)),
    ended: leaveBySignals,
  });
  const answer = createEndpoints(settings, departure);
  standAtDoor(server, {
    lobby,
    settings,
    hooks,
    hasRevisions: "pins" in once,
    listening: () => {
      if (lobby.state === "closed") exits.stopListening();
    },
  });
  return {
    get state() {
      return lobby.state;
    },
    start: (reason = "call") => departure.start(reason),
    endpoints(request, response, next) {
      // The two kinds of response differ in their types alone, as far as this goes.
      if (answer(request, response as ServerResponse)) return;
      if (next !== undefined) return void next();
      response.statusCode = 404;
      response.end("");
    },
  };
}

const LEAVING = new WeakSet<Server>();

const REFUSAL = Buffer.concat(drainingAnswer().chunks as Uint8Array[]);

/** Mounts refuse by that very answer, by whatever way it gets here. */
function isRefusal(chunk: unknown): boolean {
  if (typeof chunk === "string") return chunk.length === REFUSAL.length && REFUSAL.equals(Buffer.from(chunk));
  return chunk instanceof Uint8Array && REFUSAL.equals(chunk);
}

/** Node's own `close` would end every idle connection with it, in the same turn. */
function exitsOf(server: Server): Exits {
  return {
    get isListening() {
      return server.listening;
    },
    stopListening() {
      if (server.listening) Server.prototype.close.call(server);
    },
    close() {
      // Ends the check for heads that never come whole. What it says of a server that does not listen is no news.
      server.close(() => {});
    },
  };
}

/** Returns what takes the listeners off again. */
function onSignals(signals: readonly NodeJS.Signals[], told: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of signals) process.on(signal, told);
  return () => {
    for (const signal of signals) process.off(signal, told);
  };
}
