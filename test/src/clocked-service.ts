/** The payment service that tests run under clocks they set: in processes of its own, and anew in the test's. */
import { appendFileSync } from "node:fs";
import { createOnceover, type Duration, type Store } from "@onceover/core";
import { onceover } from "@onceover/express";
import express, { type Application, type Request, type Response } from "express";

/** What the service is made of. */
export interface ClockedOptions {
  readonly store: Store;
  /** Gets one line with the key for each effect. */
  readonly ledger: string;
  readonly retention: Duration;
  /** Told when a run that is to stay has begun: it stays until `POST /go`. */
  readonly reached: (key: string) => void;
}

/** Makes the service: `POST /payments`, `POST /go`, and `GET /now`, which answers the process's clock. */
export function clockedService({ store, ledger, retention, reached }: ClockedOptions): Application {
  let staying: (() => void)[] = [];
  const once = createOnceover<Request>({
    service: "payments",
    revision: "r1",
    store,
    scope: (request) => request.get("x-caller"),
    retention,
    idempotency: { required: true, inFlight: "reject" },
  });

  async function pay(request: Request, response: Response): Promise<void> {
    const key = request.onceover?.key ?? "";
    if (request.body.stays === true) {
      reached(key);
      await new Promise<void>((go) => void staying.push(go));
    }
    appendFileSync(ledger, `${key}\n`);
    response.status(201).json({ paid: key, id: crypto.randomUUID() });
  }

  const app = express().set("env", "test").use(express.json());
  app.post("/payments", onceover(once), pay);
  app.post("/go", (_request, response) => {
    for (const go of staying) go();
    staying = [];
    response.json({});
  });
  app.get("/now", (_request, response) => void response.send(String(Date.now())));
  return app;
}
