import { createOnceover, memoryStore } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { onceover } from "@onceover/express";
import express, { type Express, type Request } from "express";

/** Takes orders, and has another service reserve what was ordered. */
export function orderService(stockUrl: string): Express {
  const once = createOnceover({
    service: "orders",
    revision: "r42",
    store: memoryStore(),
    scope: (request: Request) => request.get("Authorization"),
    pins: pins({ writes: { schemaRev: 12 }, accepts: { schemaRev: [11, 12] } }),
  });
  const app = express();
  app.post("/orders", onceover(once, { required: true }), async (_request, response) => {
    const reserved = await once.fetch(`${stockUrl}/reservations`, { method: "POST", step: "reserve" });
    response.status(reserved.status).end();
  });
  return app;
}
