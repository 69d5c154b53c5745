/** An Express application of a test's own, served over real HTTP on 127.0.0.1. */
import type { Server } from "node:http";
import { createOnceover, type Onceover, type OnceoverOptions } from "@onceover/core";
import { onceover } from "@onceover/express";
import express, { type Request, type RequestHandler } from "express";

/** A service with one route, `POST /payments`, where callers name themselves by `X-Caller`. */
export interface ExpressService {
  readonly once: Onceover<Request>;
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `handler` behind onceover, and `before` between the body parser and onceover; settles when the store is verified. */
export async function serveExpress(
  options: Pick<OnceoverOptions<Request>, "store" | "idempotency" | "on">,
  handler: RequestHandler,
  before: RequestHandler,
): Promise<ExpressService> {
  const once = createOnceover<Request>({
    service: "payments",
    revision: "r1",
    scope: (request) => request.get("x-caller"),
    ...options,
  });
  await once.ready();
  const app = express().set("env", "test").use(express.json(), before);
  app.post("/payments", onceover(once), handler);
  const server = await new Promise<Server>((resolve) => {
    const starting: Server = app.listen(0, "127.0.0.1", () => resolve(starting));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    once,
    url: `http://127.0.0.1:${address.port}/payments`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
