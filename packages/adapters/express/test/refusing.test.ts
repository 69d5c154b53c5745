import { once as event } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { onceover } from "@onceover/express";
import compression from "compression";
import express, { type ErrorRequestHandler, type Express } from "express";
import { afterEach, describe, expect, it } from "vitest";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function post(app: Express): Promise<Response> {
  const server = createServer(app).listen(0, "127.0.0.1");
  servers.push(server);
  await event(server, "listening");
  const { port } = server.address() as AddressInfo;
  return fetch(`http://127.0.0.1:${port}/pay`, { method: "POST", headers: { "Idempotency-Key": "k" } });
}

describe("an Express application", () => {
  it.each([undefined, "route", "router", null])("refuses a request whose scope rejects with %j", async (thrown) => {
    const scope = () => Promise.reject(thrown);
    const once = createOnceover({ service: "pay", revision: "r1", store: memoryStore(), scope });
    let runs = 0;
    const app = express();
    app.post("/pay", onceover(once), (_request, response) => void response.json({ runs: ++runs }));
    app.use(((_error, _request, response, _next) => void response.sendStatus(500)) satisfies ErrorRequestHandler);
    expect((await post(app)).status).toBe(500);
    expect(runs).toBe(0);
  });

  it("streams through compression() that is mounted behind", async () => {
    const once = createOnceover({ service: "pay", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
    const app = express();
    app.post("/pay", onceover(once), compression({ threshold: 0 }), (_request, response) => {
      response.type("text/plain");
      for (const piece of ["a", "b", "c"]) response.write(piece.repeat(1000));
      response.end();
    });
    const wanted = "a".repeat(1000) + "b".repeat(1000) + "c".repeat(1000);
    for (const replayed of [null, "true"]) {
      const answer = await post(app);
      expect(answer.headers.get("content-encoding")).toBe("gzip");
      expect(answer.headers.get("idempotency-replayed")).toBe(replayed);
      expect(await answer.text()).toBe(wanted);
    }
  });

  it("that gives a reason that cannot be sent is told so where it happens, and the key keeps its 500", async () => {
    const once = createOnceover({ service: "pay", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
    const app = express();
    app.post("/pay", onceover(once), (_request, response) => {
      response.statusMessage = "a\nb";
      response.end();
    });
    app.use(((_error, _request, response, _next) => {
      response.statusMessage = "";
      response.sendStatus(500);
    }) satisfies ErrorRequestHandler);
    expect((await post(app)).status).toBe(500);
    expect((await post(app)).headers.get("idempotency-replayed")).toBe("true");
  });
});
