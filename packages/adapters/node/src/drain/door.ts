/** What stands between a server and its listeners: every request passes here first. */

import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type ServerHttp2Session } from "node:http2";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Server as TlsServer } from "node:tls";
import {
  ADMISSIONS,
  type Admission,
  arrivalKind,
  drainingAnswer,
  lastEventIdOf,
  reconnectAnswer,
} from "@onceover/core/drain";
import { sendAnswer } from "../answer.js";
import { factsOf } from "../facts.js";
import { isHttp2, type NodeRequest } from "../node-request.js";
import { sendProblem } from "../upgrade-answer.js";
import type { DrainSettings } from "./drain-settings.js";
import { isProbe } from "./endpoints.js";
import { jittered } from "./farewell.js";
import type { HookCaller } from "./hooks.js";
import { lineOn } from "./line.js";
import type { Lobby } from "./lobby.js";
import { watchTunnel } from "./tunnel-watch.js";
import type { Visit } from "./visit.js";

/** What the door is made on. */
export interface DoorGround {
  readonly lobby: Lobby;
  readonly settings: DrainSettings;
  readonly hooks: HookCaller;
  readonly hasRevisions: boolean;
  /** The server listens; it may have been told to leave before. */
  listening(): void;
}

/**
 * Stands before the listeners of a server, at `emit`: a listener could not keep a request from those behind it. A member of the
 * server's own, so that nothing of Node's is changed for others.
 */
export function standAtDoor(server: Server, ground: DoorGround): void {
  const { emit } = server;
  const isSecure = server instanceof TlsServer;
  const pass = (event: string | symbol, args: unknown[]): boolean => Reflect.apply(emit, server, [event, ...args]);
  server.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    switch (event) {
      case "request":
        return arrive(ground, args as [NodeRequest, ServerResponse], () => pass(event, args));
      case "checkContinue":
      case "checkExpectation":
        return arrive(ground, args as [NodeRequest, ServerResponse], () => pass(event, args), "awaits a word");
      case "upgrade":
      case "connect":
        return upgrade(ground, args as [IncomingMessage, Duplex, Buffer], () => pass(event, args));
      case "connection":
        if (isSecure) ground.lobby.knocked(args[0] as Socket);
        else ground.lobby.opened(args[0] as Socket);
        break;
      case "secureConnection":
        ground.lobby.secured(args[0] as Socket);
        break;
      case "session":
        speaksHttp2(ground.lobby, args[0] as ServerHttp2Session);
        break;
      case "listening":
        ground.listening();
        break;
    }
    return pass(event, args);
  };
}

/** How a request's body is to come. Whoever awaits a word sends it only when it is told to (RFC 9110, section 10.1.1). */
type Coming = "comes" | "awaits a word";

function arrive(
  ground: DoorGround,
  [request, response]: [NodeRequest, ServerResponse],
  pass: () => boolean,
  body: Coming = "comes",
): boolean {
  const { lobby } = ground;
  // Its connection was said to close before it came: it must not be processed, and the client knows that.
  if (lineOn(request.socket)?.isClosing === true) return true;
  const visit = lobby.enter(request, response);
  return lobby.isLeaving ? judge(ground, visit, pass, body) : pass();
}

function judge(ground: DoorGround, visit: Visit, pass: () => boolean, body: Coming): boolean {
  const { lobby, settings } = ground;
  if (isProbe(settings, visit.request)) {
    visit.count = "apart";
    return pass();
  }
  const { requests } = lobby.ledger;
  switch (admissionOf(ground, visit.request)) {
    case "serve":
    case "ask":
      requests.served += 1;
      return pass();
    case "reconnect":
      visit.count = "apart";
      requests.reconnected += 1;
      lobby.sentAway();
      return reconnect(visit, settings);
    case "refuse":
      visit.count = "apart";
      requests.refused += 1;
      return refuse(visit, body);
    // no default
  }
}

/** Says what becomes of an arrival, and tells of it where it is late. */
function admissionOf({ lobby, settings, hooks, hasRevisions }: DoorGround, request: NodeRequest): Admission {
  lobby.lastArrivalMs = performance.now();
  const isEndless = lobby.isEndless(request);
  const signs = { isProbe: false, isEndless, hasRevisions, keyHeaders: settings.keyHeaders };
  const kind = arrivalKind(factsOf(request), signs);
  const admission = ADMISSIONS[lobby.state][kind];
  if (lobby.state !== "hold") hooks.call("onLate", { kind, admission });
  return admission;
}

function reconnect({ request, response }: Visit, { retryMs }: DrainSettings): true {
  sendAnswer(response, reconnectAnswer(jittered(retryMs), lastEventIdOf(factsOf(request))));
  return true;
}

/** HTTP/2 has a word for "nothing was done with it", by which clients send it again by themselves (RFC 9113, section 8.7). */
function refuse({ request, response }: Visit, body: Coming): true {
  if (isHttp2(request)) {
    request.stream.close(constants.NGHTTP2_REFUSED_STREAM);
    return true;
  }
  // Else the next bytes on it might be a body or a request, and nobody could tell.
  if (body === "awaits a word") response.setHeader("Connection", "close");
  // A body that came with its head is here by then, and the connection can close behind the answer.
  setImmediate(() => sendAnswer(response, drainingAnswer()));
  return true;
}

function upgrade(
  ground: DoorGround,
  [request, socket]: [IncomingMessage, Duplex, Buffer],
  pass: () => boolean,
): boolean {
  const { lobby } = ground;
  const line = lineOn(socket);
  if (line === undefined) return pass();
  if (lobby.isLeaving) {
    const admission = admissionOf(ground, request);
    if (admission !== "serve" && admission !== "ask") {
      lobby.ledger.requests.refused += 1;
      sendProblem(request, socket, drainingAnswer());
      return true;
    }
  }
  lobby.upgraded(line, watchTunnel(request, socket));
  return pass();
}

function speaksHttp2(lobby: Lobby, session: ServerHttp2Session): void {
  const line = lineOn(session.socket);
  if (line !== undefined) lobby.speaksHttp2(line, session);
}
