/**
 * The service that is restarted: `node service.ts '{"revision":"r1", …}'` prints the lines of `instance.ts`.
 *
 * Payments and completions carry keys and take an effect each, which is written to a list that refuses nothing: one that happens
 * twice stands there twice. Token streams come to their end by themselves.
 */

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createOnceover } from "@onceover/core";
import { onceover } from "@onceover/express";
import { drainable } from "@onceover/node";
import { redisStore } from "@onceover/redis";
import express, { type Request, type Response } from "express";
import { Redis } from "ioredis";
import { listen } from "../src/listen.js";
import { EFFECTS, type InstanceLine, type InstanceSettings } from "./instance.js";
import { createRegister } from "./register.js";

const PAYMENT_MS = 10;

const { revision, redis, plan, tokens, tokenMs }: InstanceSettings = JSON.parse(process.argv[2] ?? "");
const client = new Redis(redis);
const register = createRegister();
const once = createOnceover<Request>({
  service: "restarted",
  revision,
  store: redisStore({ client }),
  scope: () => "client",
});

const app = express().disable("x-powered-by");
const server = createServer((request, response) => {
  register.enter(request, response);
  app(request, response);
});
const drain = drainable(server, once, { plan, onHold: register.beginToLeave, onClosed });

app.use(drain.endpoints);
app.get("/balance", (request, response) => {
  response.json({ revision, arrival: request.get("X-Arrival") });
});
app.post("/payments", onceover(once, { required: true }), express.json(), async (request, response) => {
  await sleep(PAYMENT_MS);
  const effects = await client.rpush(EFFECTS, keyOf(request));
  response.status(201).json({ revision, key: keyOf(request), effects, amount: request.body.amount });
});
app.post("/completions", onceover(once, { required: true }), express.json(), async (request, response) => {
  await client.rpush(EFFECTS, keyOf(request));
  await sayTokens(response);
});
app.get("/tokens", async (_request, response) => {
  await sayTokens(response);
});

function keyOf(request: Request): string {
  return request.onceover?.key ?? "";
}

async function sayTokens(response: Response): Promise<void> {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  for (let id = 1; id <= tokens; id += 1) {
    response.write(`id: ${id}\ndata: ${revision}\n\n`);
    await sleep(tokenMs);
  }
  response.end();
}

/** What the handlers used is closed, so that nothing keeps the process. */
async function onClosed(): Promise<void> {
  void drain.start().then((report) => say({ says: "report", report }));
  await client.quit();
}

function say(line: InstanceLine): void {
  console.log(JSON.stringify(line));
}

process.on("exit", (exitCode) => say({ says: "exit", exitCode, visits: register.visits() }));
await once.ready();
const { url } = await listen(server);
say({ says: "listening", port: Number(new URL(url).port) });
