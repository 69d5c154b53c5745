/**
 * One arrival, between Fastify's hooks. Everything Fastify sends, and everything that is sent past it, ends at Node's own
 * response: so a replay is written there, and the answer of a run is captured there.
 */

import type { IncomingMessage, OutgoingHttpHeader, ServerResponse } from "node:http";
import type { BodyFacts, Mount, RequestFacts, Verdict } from "@onceover/core";
import { intercept } from "@onceover/node";
import type { FastifyReply, FastifyRequest, preParsingHookHandler, RequestPayload } from "fastify";
import { behaveLikeNode } from "./injected.js";
import type { MountOf } from "./mounts.js";

const CONSUMED: BodyFacts = { outcome: "consumed" };
const PASS: Verdict = { action: "pass" };

/** A `preParsing` hook: the caller is known by then, and the body is still to be read. */
export function arrivalHook(mountOf: MountOf): preParsingHookHandler {
  return function onceover(request, reply, payload, done) {
    const mount = mountOf(request.routeOptions.config.onceover);
    if (mount === undefined) return done();
    behaveLikeNode(request.raw);
    const fields = lendableFields(reply);
    const arrival: Mount<IncomingMessage> = {
      attempt(facts) {
        const verdict = mount.attempt(factsOf(facts, request, payload));
        const judged = (verdict: Verdict) => (reply.sent ? overtaken(verdict) : lendTo(verdict, fields));
        return verdict instanceof Promise ? verdict.then(judged) : judged(verdict);
      },
    };
    const failed = (error: Error) => {
      fields.takeBack();
      done(error);
    };
    intercept(arrival, request.raw, reply.raw, failed, (run, pinned) => {
      fields.takeBack();
      request.pinned = pinned;
      if (run !== undefined) request.once = run.once;
      done();
    });
  };
}

/** A hook before us that reads the body, or put another stream in its place, has left nothing to look at. */
function factsOf(
  facts: RequestFacts<IncomingMessage>,
  request: FastifyRequest,
  payload: RequestPayload,
): RequestFacts<FastifyRequest> {
  const isUntouched = payload === request.raw && request.raw.readableFlowing !== true;
  return isUntouched ? { ...facts, request } : { ...facts, body: () => CONSUMED, request };
}

/** Somebody has answered while the key was being claimed, such as Fastify's `handlerTimeout`. */
function overtaken(verdict: Verdict): Verdict {
  giveBack(verdict);
  return PASS;
}

/** Nothing has run, and nothing will. */
function giveBack(verdict: Verdict): void {
  if (verdict.action === "join") void verdict.answer.body.cancel();
  if (verdict.action !== "run") return;
  // Never rejects here: nothing was recorded, and a store that is away is told later.
  void verdict.run.once.abandon();
  verdict.run.cut();
}

interface Fields {
  lend(): void;
  takeBack(): void;
}

function lendTo(verdict: Verdict, fields: Fields): Verdict {
  if (verdict.action === "pass" || verdict.action === "forward") return verdict;
  try {
    fields.lend();
    return verdict;
  } catch (error) {
    // A field that cannot be sent: Fastify would have found out when it sent the answer.
    fields.takeBack();
    giveBack(verdict);
    throw error;
  }
}

/**
 * Fields that hooks have set wait in the reply until Fastify sends it. A replay goes past it and must have them, and a
 * run must know that they stood there before; the handler finds everything where it was.
 */
function lendableFields(reply: FastifyReply): Fields {
  const { raw } = reply;
  let lent: readonly Field[] = [];
  return {
    lend() {
      const before = raw.getHeaders();
      const ahead = Object.entries(reply.getHeaders()).filter(([name, value]) => before[name] !== value);
      lent = ahead.map(([name]) => [name, before[name]]);
      for (const [name, value] of ahead) setField(raw, name, value);
    },
    takeBack() {
      for (const [name, value] of lent) setField(raw, name, value);
    },
  };
}

type Field = readonly [name: string, value: OutgoingHttpHeader | undefined];

function setField(response: ServerResponse, ...[name, value]: Field): void {
  if (value === undefined) response.removeHeader(name);
  else response.setHeader(name, value);
}
