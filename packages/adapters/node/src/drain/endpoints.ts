/** Questions about the instance, and the two ways to tell it to leave. */

import { timingSafeEqual } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { DrainReport, DrainState } from "@onceover/core/drain";
import { isHttp2, type NodeRequest } from "../node-request.js";
import type { DrainSettings } from "./drain-settings.js";

/** What the endpoints ask. */
export interface EndpointHost {
  readonly state: DrainState;
  start(reason: string): Promise<DrainReport>;
  /** Keeps a response that is answered with the report when all else is over. */
  wait(response: ServerResponse): void;
}

/** Answers a request for an endpoint; says whether it was one. */
export type Endpoints = (request: NodeRequest, response: ServerResponse) => boolean;

/** The endpoints of a server, as its options have them. */
export function createEndpoints({ endpoints }: DrainSettings, host: EndpointHost): Endpoints {
  return function answer(request, response) {
    switch (pathOf(request)) {
      case endpoints.readiness:
        return say(response, host.state === "serving" ? 200 : 503, host.state);
      case endpoints.liveness:
        return say(response, 200, host.state);
      case endpoints.start:
        if (!isAllowed(request, response, endpoints.token, "POST")) return true;
        void host.start("endpoint");
        return say(response, 202, host.state);
      case endpoints.wait:
        if (!isAllowed(request, response, endpoints.token, "GET")) return true;
        host.wait(response);
        void host.start("endpoint");
        return true;
      default:
        return false;
    }
  };
}

/** Whether a request is for an endpoint: it is answered in every state, and counts as no arrival. */
export function isProbe({ endpoints }: DrainSettings, request: NodeRequest): boolean {
  const { readiness, liveness, start, wait } = endpoints;
  return [readiness, liveness, start, wait].includes(pathOf(request));
}

/** Sends a report to whoever waited for it. */
export function sendReport(response: ServerResponse, report: DrainReport): void {
  if (!isHttp2(response.req)) response.setHeader("Connection", "close");
  send(response, 200, JSON.stringify(report));
}

function pathOf(request: NodeRequest & { readonly originalUrl?: unknown }): string {
  const target = typeof request.originalUrl === "string" ? request.originalUrl : (request.url ?? "");
  return target.split("?", 1)[0] ?? "";
}

function say(response: ServerResponse, status: number, state: DrainState): true {
  send(response, status, JSON.stringify({ state }));
  return true;
}

function send(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.setHeader("Cache-Control", "no-store");
  response.end(body);
}

/** Only somebody on this very machine, or with the token. A proxy in front is on this machine, too, and says for whom it asks. */
function isAllowed(request: NodeRequest, response: ServerResponse, token: string | undefined, method: string): boolean {
  const isOurs = (isLoopback(request) && !isPassedOn(request)) || carries(request, token);
  if (isOurs && request.method === method) return true;
  if (isOurs) response.setHeader("Allow", method);
  response.statusCode = isOurs ? 405 : 403;
  response.end();
  return false;
}

function isLoopback({ socket }: NodeRequest): boolean {
  return /^(?:127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? "");
}

function isPassedOn({ headers }: NodeRequest): boolean {
  return ["forwarded", "x-forwarded-for", "via", "x-real-ip"].some((name) => headers[name] !== undefined);
}

function carries({ headers }: NodeRequest, token: string | undefined): boolean {
  if (token === undefined) return false;
  const given = Buffer.from(headers.authorization ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
