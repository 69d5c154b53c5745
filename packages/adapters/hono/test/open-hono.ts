import { once as heard } from "node:events";
import { type HttpBindings, serve } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { DrainServer, DrainSetup } from "@onceover/conformance";
import { drainable } from "@onceover/node";
import { connectionsOf } from "@onceover/test/listen";
import { Hono } from "hono";
import { type Env, instanceOf, routeAll } from "./start-hono.js";

/** Serves the suite's routes on Hono, on Node's server, as one that can leave. */
export async function openHono(setup: DrainSetup): Promise<DrainServer> {
  const app = new Hono<Env & { Bindings: HttpBindings }>();
  const once = instanceOf(setup);
  app.use(async (c, next) => {
    let isOurs = true;
    drain.endpoints(c.env.incoming, c.env.outgoing, () => {
      isOurs = false;
    });
    return isOurs ? RESPONSE_ALREADY_SENT : next();
  });
  routeAll(app, once, setup);
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  const drain = drainable(server, once, setup.drain);
  const endConnections = connectionsOf(server);
  await heard(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    drain,
    close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      endConnections();
      return closed;
    },
  };
}
