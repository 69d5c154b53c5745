import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onceover } from "@onceover/fastify";
import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { receipt, SLOW_MS } from "../payment.js";
import type { ContenderName } from "../protocol.js";
import { type Floor, type FloorClaim, IN_FLIGHT, openFloor } from "./floor.js";
import { ours } from "./ours.js";
import type { Serve } from "./serve.js";

/** Fastify with its own JSON parser, and without a response schema. */
export const serveFastify: Serve = async ({ contender, redisUrl, fingerprint, tally }) => {
  const app = fastify({ keepAliveTimeout: 0 });
  app.get("/ready", (_request, reply) => void reply.code(204).send());
  const install: Record<ContenderName, () => Promise<unknown>> = {
    bare: async () => {},
    floor: async () => installFloor(app, await openFloor(redisUrl)),
    onceover: async () =>
      app.register(onceover, { once: await ours<FastifyRequest>(redisUrl, tally), required: true, fingerprint }),
  };
  await install[contender]();
  app.post<{ Body: { reference: unknown } }>("/payments", async (request, reply) => {
    tally.runs += 1;
    reply.code(201);
    return receipt(request.body);
  });
  app.post<{ Body: { reference: unknown } }>("/payments/slow", async (request, reply) => {
    tally.runs += 1;
    await sleep(SLOW_MS);
    reply.code(201);
    return receipt(request.body);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return (app.server.address() as AddressInfo).port;
};

type Claimed = Extract<FloorClaim, { outcome: "run" }>;

/** The floor claims behind the parser, and takes the payload that Fastify has made text of. */
function installFloor(app: FastifyInstance, floor: Floor): void {
  const claims = new WeakMap<FastifyRequest, Claimed>();
  app.addHook("preHandler", async (request, reply) => {
    if (request.method !== "POST") return;
    const key = request.headers["idempotency-key"];
    const claim = await floor(typeof key === "string" ? key : undefined);
    if (claim.outcome === "run") claims.set(request, claim);
    else if (claim.outcome === "running") return reply.code(IN_FLIGHT.status).headers(IN_FLIGHT.headers).send();
    else
      return reply
        .code(claim.record.status)
        .type(claim.record.type ?? "text/plain")
        .send(claim.record.body);
  });
  app.addHook<string>("onSend", async (request, reply, body) => {
    const type = reply.getHeader("content-type");
    const isOurs = await claims.get(request)?.complete({
      status: reply.statusCode,
      type: typeof type === "string" ? type : undefined,
      body,
    });
    if (isOurs === false) reply.code(IN_FLIGHT.status);
    return body;
  });
}
