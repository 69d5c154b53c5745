import { once as event } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createOnceover, memoryStore, SHARED_SCOPE, type Store } from "@onceover/core";
import { onceover } from "@onceover/express";
import express from "express";
import { describe, expect, it } from "vitest";

const BODY = JSON.stringify({ amount: 100 });
const FIELDS = { "idempotency-key": "k", "content-type": "application/json" };

/** An application whose store answers slowly, so that a client can be gone before its handler begins. */
async function startSlow(claimMs: number) {
  const memory = memoryStore();
  const acquire: Store["acquire"] = (request) => sleep(claimMs).then(() => memory.acquire(request));
  const store: Store = { ...memory, acquire };
  const once = createOnceover({ service: "slow", revision: "r1", store, scope: SHARED_SCOPE });
  const seen: unknown[] = [];
  const app = express();
  app.post("/pay", onceover(once), express.json(), (request, response) => {
    request.on("close", () => seen.push("closed"));
    seen.push(request.body);
    response.status(201).json(request.body);
  });
  const server = createServer(app).listen(0, "127.0.0.1");
  await event(server, "listening");
  return { server, once, seen, port: (server.address() as AddressInfo).port };
}

describe("a client that hangs up before the handler begins", () => {
  it("leaves its body to the parser, and its answer to the retry", async () => {
    const { server, once, seen, port } = await startSlow(100);
    const socket = connect(port, "127.0.0.1");
    const head = Object.entries({ ...FIELDS, host: "localhost", "content-length": BODY.length });
    socket.write(`POST /pay HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${BODY}`);
    await sleep(30);
    socket.destroy();
    await expect.poll(() => seen).toEqual([{ amount: 100 }, "closed"]);
    await once.idle();
    const retry = await fetch(`http://127.0.0.1:${port}/pay`, { method: "POST", headers: FIELDS, body: BODY });
    expect([retry.status, retry.headers.get("idempotency-replayed"), await retry.text()]).toEqual([201, "true", BODY]);
    server.close();
    server.closeAllConnections();
  });
});
