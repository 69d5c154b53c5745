/** The service that chaos is let loose on: one route, which has one effect. */

import { createOnceover, type OnEvent, type Recovered, type Store, type UnknownOutcome } from "@onceover/core";
import { onceover } from "@onceover/express";
import express, { type Application, type ErrorRequestHandler, type Request, type Response } from "express";
import type { Effect } from "../../examples/payments-service/ledger.js";
import type { Sink } from "./sink.js";

export const SERVICE = "chaos";

/** What the service is made of. */
export interface ServiceOptions {
  readonly store: Store;
  readonly sink: Sink;
  /** Whether effect and record share a transaction. */
  readonly transactional: boolean;
  readonly leaseMs: number;
  readonly on: OnEvent;
}

/** Makes the service. Callers name themselves by `X-Caller`; their body holds their mark, and so do its answers. */
export function chaosService({ store, sink, transactional, leaseMs, on }: ServiceOptions): Application {
  const once = createOnceover<Request>({
    service: SERVICE,
    revision: "r1",
    store,
    scope: (request) => request.get("x-caller"),
    idempotency: { required: true, leaseMs, ...(transactional ? { transactional } : { recover }) },
    on,
  });
  // As a test's own, Express prints no failure.
  const app = express().set("env", "test");
  app.post("/payments", onceover(once), express.json(), pay);
  if (transactional) app.use(rolledBack);

  async function pay(request: Request, response: Response): Promise<void> {
    const run = request.onceover;
    if (run === undefined) throw new Error("the route is mounted without onceover");
    const { mark, amount } = request.body;
    const details = { mark, amount, arrival: request.get("x-arrival") ?? "" };
    const about = { kind: "payment", scope: request.get("x-caller") ?? "", key: run.key, details } as const;
    const effect = await sink.take(run, about);
    if (effect !== "closed") return send(response, effect);
    // This process was away for so long that somebody settled the run meanwhile. Nothing has happened in it.
    await run.abandon();
    response.status(503).set("Retry-After", "1").json({ error: "please try again" });
  }

  /** A run died, or is away: the ledger knows what became of its effect. */
  function recover({ effectKey, attempt }: UnknownOutcome<Request>): Recovered {
    const settled = sink.settle({ effectKey: effectKey("pay"), attempt });
    switch (settled.outcome) {
      case "happened":
        return { outcome: "done", response: answerOf(settled.effect) };
      case "never":
        return { outcome: "rerun" };
      case "open":
        return { outcome: "unknown" };
      // no default
    }
  }

  return app;
}

/** The answer that tells of an effect, the same whether its own run gives it or `recover`. */
function answerOf({ id, details }: Effect) {
  const headers = { "Content-Type": "application/json; charset=utf-8", "X-Mark": String(details.mark) };
  return { status: 201, headers, body: JSON.stringify({ id, ...details }) };
}

function send(response: Response, effect: Effect): void {
  const { status, headers, body } = answerOf(effect);
  response.status(status).set(headers).send(body);
}

/** A handler whose transaction is lost has failed, and nothing has happened in it. Four parameters make it one for errors. */
const rolledBack: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) next(error);
  else response.status(503).set("Retry-After", "1").json({ error: "please try again" });
};
