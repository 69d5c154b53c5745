import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import express, { type Application, type Request } from "express";
import { afterEach, expect, it } from "vitest";
import { onceover } from "../src/index.js";
import { serve as listen } from "./start-express.js";

let close = async () => {};
afterEach(() => close());

async function serve(build: (app: Application) => void): Promise<string> {
  const once = createOnceover<Request>({
    service: "express",
    revision: "r1",
    store: memoryStore(),
    scope: SHARED_SCOPE,
    pins: pins({ writes: { schemaRev: 11 } }),
  });
  const app = express();
  app.use(onceover(once));
  build(app);
  const server = await listen(app);
  close = server.close;
  return server.url;
}

function said({ headers }: Response): (string | null)[] {
  return ["revision", "schema-rev"].map((name) => headers.get(name));
}

it("the error page that follows a head which cannot be sent says its revision and pins, though it has taken all fields away", async () => {
  const url = await serve((app) => {
    app.all("/pay", (_request, response) => {
      response.statusMessage = "not\0sendable";
      response.send("never sent");
    });
    app.use(((_error, _request, response, _next) => {
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      response.statusMessage = "";
      response.status(500).end();
    }) as express.ErrorRequestHandler);
  });
  for (const init of [{}, { method: "POST", headers: { "Idempotency-Key": "k" } }]) {
    const answer = await fetch(`${url}/pay`, init);
    expect([answer.status, ...said(answer)]).toEqual([500, "r1", "11"]);
  }
});

it("what an error handler of the application, express.static and a conditional request answer says its revision and pins", async () => {
  const url = await serve((app) => {
    app.use("/files", express.static(import.meta.dirname));
    app.get("/fresh", (_request, response) => void response.send("the same as ever"));
    app.get("/broken", () => {
      throw new Error("no such account");
    });
    app.use(((_error, _request, response, _next) => void response.status(418).json({})) as express.ErrorRequestHandler);
  });
  const file = await fetch(`${url}/files/pins.test.ts`, { headers: { Range: "bytes=0-9" } });
  expect([file.status, ...said(file)]).toEqual([206, "r1", "11"]);
  const fresh = await fetch(`${url}/fresh`);
  const conditions = { "If-None-Match": fresh.headers.get("etag") ?? "", "Cache-Control": "max-age=0" };
  const again = await fetch(`${url}/fresh`, { headers: conditions });
  expect([again.status, ...said(again)]).toEqual([304, "r1", "11"]);
  const broken = await fetch(`${url}/broken`);
  expect([broken.status, ...said(broken)]).toEqual([418, "r1", "11"]);
  await Promise.all([file.text(), fresh.text(), again.text(), broken.text()]);
});
