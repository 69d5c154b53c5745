import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { describeDrain } from "@onceover/conformance";
import { createOnceover, memoryStore } from "@onceover/core";
import { drainable } from "@onceover/node";
import { listen } from "@onceover/test/listen";
import { rawBody } from "@onceover/test/raw-body";
import compression from "compression";
import express, { type Request } from "express";
import { describe, expect, it } from "vitest";
import { openExpress, openExpress4 } from "./start-express.js";

describeDrain("express 5", { open: openExpress });
describeDrain("express 4", { open: openExpress4 });

const PLAN = {
  budgetMs: 10_000,
  holdMs: 100,
  quietMs: 40,
  drainMs: 6_000,
  farewellMs: 1_000,
  lingerMs: 40,
  spreadMs: 1,
};

describe.concurrent("a compressed stream", () => {
  it("ends as a whole one when it is handed off, and what its handler goes on to write is not in it", async () => {
    const once = createOnceover<Request>({ service: "s", revision: "r1", store: memoryStore(), scope: () => "all" });
    const app = express();
    const server = createServer(app);
    const drain = drainable(server, once, { plan: PLAN, signals: [], isEndless: ({ url }) => url === "/news" });
    app.use(compression({ threshold: 0, filter: () => true }));
    const heard: string[] = [];
    app.get("/news", (_request, response) => {
      response.on("close", () => heard.push("close")).on("error", () => heard.push("error"));
      response.type("text/event-stream");
      response.write("id: 1\ndata: a\n\n");
      response.flush();
      void drain.start().then(() => response.write("id: 2\ndata: late\n\n"));
    });
    const { url, close } = await listen(server);
    const body = await rawBody(`${url}/news`, { "Accept-Encoding": "gzip" });
    expect(gunzipSync(body).toString()).toBe("id: 1\ndata: a\n\n");
    const { streams, verdict } = await drain.start();
    expect(streams).toMatchObject([{ class: "sse", kind: "endless", events: null, outcome: "handed-off" }]);
    expect([verdict, streams[0]?.bytes]).toEqual(["clean", body.length]);
    await sleep(10);
    expect(heard).toEqual(["close"]);
    await close();
  });
});
