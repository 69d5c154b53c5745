import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { onceover } from "@onceover/express";
import express, { type Request, type RequestHandler, type Response } from "express";
import { receipt, SLOW_MS } from "../payment.js";
import type { ContenderName } from "../protocol.js";
import { type Floor, type FloorClaim, IN_FLIGHT, openFloor } from "./floor.js";
import { ours } from "./ours.js";
import type { Serve } from "./serve.js";

/** Express with its own JSON parser. */
export const serveExpress: Serve = async ({ contender, redisUrl, fingerprint, tally }) => {
  const app = express();
  app.get("/ready", (_request, response) => void response.sendStatus(204));
  const middleware: Record<ContenderName, () => Promise<RequestHandler[]>> = {
    bare: async () => [],
    floor: async () => [floorOn(await openFloor(redisUrl))],
    onceover: async () => [onceover(await ours<Request>(redisUrl, tally), { required: true, fingerprint })],
  };
  app.use(express.json(), ...(await middleware[contender]()));
  app.post("/payments", (request, response) => {
    tally.runs += 1;
    response.status(201).json(receipt(request.body));
  });
  app.post("/payments/slow", (request, response) => {
    tally.runs += 1;
    setTimeout(() => response.status(201).json(receipt(request.body)), SLOW_MS);
  });
  const server = app.listen(0, "127.0.0.1");
  server.keepAliveTimeout = 0;
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
};

/** The floor takes what `res.json` hands to `res.send`, and replays by `res.send`. */
function floorOn(floor: Floor): RequestHandler {
  return async function floorOnExpress(request, response, next) {
    const claim = await floor(request.get("idempotency-key"));
    switch (claim.outcome) {
      case "running":
        return void response.set(IN_FLIGHT.headers).sendStatus(IN_FLIGHT.status);
      case "done": {
        const { status, type = "text/plain", body } = claim.record;
        return void response.status(status).set("Content-Type", type).send(body);
      }
      case "run":
        record(response, claim);
        return next();
      // no default
    }
  };
}

function record(response: Response, { complete }: Extract<FloorClaim, { outcome: "run" }>): void {
  const { send } = response;
  response.send = (body: string) => {
    response.send = send;
    complete({ status: response.statusCode, type: response.get("content-type"), body }).then((isOurs) => {
      if (isOurs) response.send(body);
      else response.sendStatus(IN_FLIGHT.status);
    }, response.req.next);
    return response;
  };
}
