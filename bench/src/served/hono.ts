import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { onceover } from "@onceover/hono";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { receipt, SLOW_MS } from "../payment.js";
import type { ContenderName } from "../protocol.js";
import { type Floor, IN_FLIGHT, openFloor } from "./floor.js";
import { ours } from "./ours.js";
import type { Serve } from "./serve.js";

/** Hono on Node. */
export const serveHono: Serve = async ({ contender, redisUrl, fingerprint, tally }) => {
  const app = new Hono();
  app.get("/ready", (c) => c.body(null, 204));
  const middleware: Record<ContenderName, () => Promise<MiddlewareHandler | undefined>> = {
    bare: async () => undefined,
    floor: async () => floorOn(await openFloor(redisUrl)),
    onceover: async () => onceover(await ours<Context>(redisUrl, tally), { required: true, fingerprint }),
  };
  const used = await middleware[contender]();
  if (used !== undefined) app.use("/payments/*", used);
  app.post("/payments", async (c) => {
    tally.runs += 1;
    return c.json(receipt(await c.req.json()), 201);
  });
  app.post("/payments/slow", async (c) => {
    tally.runs += 1;
    const body = await c.req.json();
    await sleep(SLOW_MS);
    return c.json(receipt(body), 201);
  });
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions: { keepAliveTimeout: 0 } }).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};

/** The floor reads the finished response once, and sends another one made of what it read. */
function floorOn(floor: Floor): MiddlewareHandler {
  return async function floorOnHono(c, next) {
    const claim = await floor(c.req.header("idempotency-key"));
    switch (claim.outcome) {
      case "running":
        return c.body(null, IN_FLIGHT);
      case "done": {
        const { status, type = "text/plain", body } = claim.record;
        return new Response(body, { status, headers: { "Content-Type": type } });
      }
      case "run": {
        await next();
        const { status, headers } = c.res;
        const body = await c.res.text();
        const isOurs = await claim.complete({ status, type: headers.get("content-type") ?? undefined, body });
        c.res = isOurs ? new Response(body, { status, headers }) : new Response(null, IN_FLIGHT);
        return;
      }
      // no default
    }
  };
}
