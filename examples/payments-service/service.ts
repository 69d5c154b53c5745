/**
 * A service that takes payments from merchants and webhooks from GitHub, each of them once.
 *
 * The order in each route: who is it? → which key? → onceover → the handler. Neither handler looks for duplicates.
 */

import {
  createOnceover,
  type Onceover,
  type OnEvent,
  type PinControl,
  type Recovered,
  type Store,
  type UnknownOutcome,
} from "@onceover/core";
import { pins } from "@onceover/core/pins";
import type { Revisions } from "@onceover/core/revisions";
import { onceover } from "@onceover/express";
import express, { type Application, type ErrorRequestHandler, type Request, type Response } from "express";
import { type Build, SERVICE } from "./build.js";
import type { Effect, Ledger } from "./ledger.js";
import { explain, FEED, tellEffects } from "./streams.js";
import { isSigned } from "./webhook-signature.js";

declare global {
  namespace Express {
    interface Request {
      /** Set by authentication. */
      merchant?: string;
    }
  }
}

/** What the service is made of. */
export interface ServiceOptions {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly revision: string;
  /** What this revision was built against, and the others beside it; each effect says what it was made by. @default no pins are checked */
  readonly sideBySide?: { readonly build: Build; readonly revisions: Revisions } | undefined;
  /** Merchants by their API key. */
  readonly merchants: ReadonlyMap<string, string>;
  readonly webhookSecret: string;
  /** @default 15000 */
  readonly leaseMs?: number;
  readonly on?: OnEvent;
}

/** Makes the service; `once.ready()` says whether its store keeps its promise. */
export function paymentsService(options: ServiceOptions): {
  readonly app: Application;
  readonly once: Onceover<Request> & { readonly pins?: PinControl };
} {
  const { store, ledger, revision, sideBySide, merchants, webhookSecret, leaseMs, on } = options;
  const once = createOnceover<Request>({
    service: SERVICE,
    revision,
    store,
    scope: (request) => request.merchant,
    idempotency: { required: true, leaseMs, recover },
    pins: sideBySide === undefined ? undefined : pinsOf(sideBySide),
    on,
  });

  const app = express().disable("x-powered-by");
  app.post("/payments", authenticate, onceover(once), express.json(), pay);
  app.post(
    "/webhooks",
    express.raw({ type: "application/json" }),
    checkSignature,
    onceover(once, { scope: () => "github", keyHeader: "X-GitHub-Delivery" }),
    takeWebhook,
  );
  app.get("/explanation", (_request, response) => explain(response, revision));
  app.get(FEED, (request, response) => tellEffects(request, response, ledger, revision));
  app.use(answerError);

  function authenticate(request: Request, response: Response, next: () => void): void {
    const merchant = merchants.get(request.get("Authorization")?.replace(/^Bearer /, "") ?? "");
    if (merchant === undefined) return void response.sendStatus(401);
    request.merchant = merchant;
    next();
  }

  function checkSignature(request: Request, response: Response, next: () => void): void {
    const signature = request.get("X-Hub-Signature-256") ?? "";
    if (!Buffer.isBuffer(request.body) || !isSigned(webhookSecret, request.body, signature)) {
      return void response.sendStatus(401);
    }
    next();
  }

  async function pay(request: Request, response: Response): Promise<void> {
    const { amount, currency } = request.body ?? {};
    if (!Number.isSafeInteger(amount) || amount <= 0 || typeof currency !== "string") {
      return void response.status(400).json({ error: "amount and currency are needed" });
    }
    await takeEffect(request, response, "payment", request.merchant ?? "", { amount, currency });
  }

  async function takeWebhook(request: Request, response: Response): Promise<void> {
    await takeEffect(request, response, "webhook", "github", { event: request.get("X-GitHub-Event") ?? "" });
  }

  async function takeEffect(
    request: Request,
    response: Response,
    kind: Effect["kind"],
    scope: string,
    details: Effect["details"],
  ): Promise<void> {
    const run = request.onceover;
    if (run === undefined) throw new Error("the route is mounted without onceover");
    const effectKey = run.effectKey("effect");
    const evidence = sideBySide === undefined ? {} : evidenceOf(sideBySide.build, request);
    const happening = { kind, scope, key: run.key, details: { ...details, ...evidence } };
    const effect = await ledger.take({ effectKey, attempt: run.attempt }, happening);
    if (effect !== "closed") return void send(response, effect);
    // This process was away for so long that somebody settled the run meanwhile. Nothing has happened in it.
    await run.abandon();
    response.status(503).set("Retry-After", "1").json({ error: "please try again" });
  }

  /** A run died, or is away: the ledger knows what became of its effect. */
  function recover({ effectKey, attempt }: UnknownOutcome<Request>): Recovered {
    const settled = ledger.settle({ effectKey: effectKey("effect"), attempt });
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

  return { app, once };
}

function pinsOf({ build, revisions }: { readonly build: Build; readonly revisions: Revisions }) {
  const { schemaRev, indexHash, accepts } = build;
  return pins({ writes: { schemaRev, indexHash }, accepts: { schemaRev: accepts }, revisions });
}

/** What an effect is made by, as the process itself has it, and which arrival of the request made it. */
function evidenceOf({ revision, schemaRev, indexHash }: Build, request: Request): Effect["details"] {
  return { revision, schemaRev, indexHash, arrival: request.get("X-Arrival") ?? "" };
}

/** The answer that tells of an effect, the same whether its own run gives it or `recover`. */
function answerOf({ id, kind, details }: Effect) {
  const headers = { "Content-Type": "application/json; charset=utf-8" };
  return { status: kind === "payment" ? 201 : 202, headers, body: JSON.stringify({ id, ...details }) };
}

function send(response: Response, effect: Effect): void {
  const { status, headers, body } = answerOf(effect);
  response.status(status).set(headers).send(body);
}

/** Four parameters are what tells Express that this one is for errors. */
const answerError: ErrorRequestHandler = (error: { readonly status?: unknown }, _request, response, next) => {
  const status = typeof error.status === "number" ? error.status : 500;
  if (status >= 500) console.error(error);
  if (response.headersSent) next(error);
  else response.status(status).json({ error: status >= 500 ? "the request failed" : "the request cannot be read" });
};
