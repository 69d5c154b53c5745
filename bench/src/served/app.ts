import { createOnceover, type ReplaySource } from "@onceover/core";
import { onceover } from "@onceover/express";
import { redisStore } from "@onceover/redis";
import express, { type Express, type RequestHandler } from "express";
import { Redis } from "ioredis";
import { receipt } from "../payment.js";
import type { ContenderName, Tally } from "../protocol.js";
import { floor } from "./floor.js";

/** How long a slow payment takes, in milliseconds: long enough for all of a burst to arrive meanwhile. */
const SLOW_MS = 5;

/** One contender's application; all have the same parser and the same handlers. */
export async function makeApp(contender: ContenderName, redisUrl: string, tally: Tally): Promise<Express> {
  const app = express();
  app.get("/ready", (_request, response) => void response.sendStatus(204));
  app.use(express.json(), ...(await middleware(contender, redisUrl, tally)));
  app.post("/payments", (request, response) => {
    tally.runs += 1;
    response.status(201).json(receipt(request.body));
  });
  app.post("/payments/slow", (request, response) => {
    tally.runs += 1;
    setTimeout(() => response.status(201).json(receipt(request.body)), SLOW_MS);
  });
  return app;
}

async function middleware(contender: ContenderName, redisUrl: string, tally: Tally): Promise<RequestHandler[]> {
  switch (contender) {
    case "bare":
      return [];
    case "floor":
      return [await floor(new Redis(redisUrl))];
    case "onceover":
      return [await ours(redisUrl, (from) => (tally.replays[from] += 1))];
    // no default
  }
}

async function ours(redisUrl: string, replayed: (from: ReplaySource) => void): Promise<RequestHandler> {
  const once = createOnceover({
    service: "bench",
    revision: "r1",
    store: redisStore({ client: new Redis(redisUrl) }),
    scope: () => "one-tenant",
    on(event) {
      if (event.type === "replayed") replayed(event.from);
    },
  });
  await once.ready();
  return onceover(once, { required: true });
}
