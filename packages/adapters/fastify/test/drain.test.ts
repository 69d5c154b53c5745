import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import compress from "@fastify/compress";
import { describeDrain } from "@onceover/conformance";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import type { DrainOptions } from "@onceover/node";
import { rawBody } from "@onceover/test/raw-body";
import { until } from "@onceover/test/wait";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { afterAll, describe, expect, it } from "vitest";
import { drain } from "../src/index.js";
import { openFastify, openFastifyHttp2 } from "./start-fastify.js";

describeDrain("fastify", { open: openFastify });
describeDrain("fastify on HTTP/2", { open: openFastifyHttp2, protocol: "h2" });

const PLAN = {
  budgetMs: 10_000,
  holdMs: 100,
  quietMs: 40,
  drainMs: 6_000,
  farewellMs: 1_000,
  lingerMs: 40,
  spreadMs: 1,
};

const ending: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ending) await end();
});

describe.concurrent("the plugin drain", () => {
  it("app.close() runs the whole drain before Fastify refuses anything, and its hooks behind the last answer", async () => {
    const { app, url, told } = await serveSlow();
    const slow = fetch(`${url}/slow`);
    await until("it is at work", () => told.includes("slow"));
    const closed = app.close();
    await until("it holds", () => app.drain.state === "hold");
    expect([await statusAt(url, "/quick"), await statusAt(url, "/readyz")]).toEqual([200, 503]);
    await until("the drain has begun", () => app.drain.state === "drain");
    const refused = await fetch(`${url}/quick`);
    expect(await refused.json()).toMatchObject({ status: 503, code: "draining", executed: false });
    app.go();
    expect(await (await slow).text()).toBe("whole");
    await closed;
    expect(told).toEqual(["slow", "answered", "preClose", "onClose"]);
    expect((await app.drain.start()).requests).toMatchObject({ finished: 2, refused: 1, cut: 0 });
  });

  it("a drain that was begun otherwise closes the application at its end, once", async () => {
    const { app, url, told } = await serveSlow();
    const slow = fetch(`${url}/slow`);
    await until("it is at work", () => told.includes("slow"));
    expect((await fetch(`${url}/drain/start`, { method: "POST" })).status).toBe(202);
    app.go();
    expect(await (await slow).text()).toBe("whole");
    expect((await app.drain.start()).reason).toBe("endpoint");
    await until("the application is closed", () => told.includes("onClose"));
    await app.close();
    expect(told).toEqual(["slow", "answered", "preClose", "onClose"]);
  });

  it("an application that never listened closes at once, and the drain has not begun", async () => {
    const app = await register();
    await app.ready();
    await app.close();
    expect(app.drain.state).toBe("serving");
  });

  it("its endpoints stand before what is registered later, and are no routes", async () => {
    const { app, url } = await serveSlow();
    expect([await statusAt(url, "/readyz"), await statusAt(url, "/livez"), await statusAt(url, "/none")]).toEqual([
      200, 200, 404,
    ]);
    expect(app.hasRoute({ method: "GET", url: "/readyz" })).toBe(false);
  });

  it("each further address that Fastify serves for localhost is warned of", async () => {
    const warnings: string[] = [];
    const heard = (warning: Error) => void warnings.push(warning.message);
    process.on("warning", heard);
    ending.push(() => process.off("warning", heard));
    const app = await register();
    ending.push(() => app.close());
    await app.listen({ port: 0, host: "localhost" });
    const [, ...others] = app.addresses();
    const told = () => warnings.filter((each) => each.includes("are not drained"));
    await until("all are told of", () => told().length >= others.length);
    expect(told()).toHaveLength(others.length);
  });

  it("a wrong option is named when it is registered", async () => {
    const app = Fastify();
    const wrong = { once: onceOf(), retryMs: -1 };
    await expect(app.register(drain, wrong)).rejects.toThrow("retryMs must be a positive whole number");
  });

  it("what the application's own hooks throw at the end is a warning, and the report is there all the same", async () => {
    const { app } = await serveSlow();
    const warnings: string[] = [];
    const heard = (warning: Error) => void warnings.push(warning.message);
    process.on("warning", heard);
    ending.push(() => process.off("warning", heard));
    app.fail();
    expect((await app.drain.start()).verdict).toBe("clean");
    await until("the warning is there", () => warnings.includes("a hook failed"));
  });

  it("a compressed stream ends as a whole one when it is handed off", async () => {
    const app = await register({ isEndless: ({ url }) => url === "/news" });
    await app.register(compress, { threshold: 0, encodings: ["gzip"] });
    const source = new Readable({ read() {} });
    app.get("/news", { compress: { customTypes: /event-stream/ } }, (_request, reply) => {
      source.push("id: 1\ndata: a\n\n");
      void app.drain.start();
      return reply.type("text/event-stream").send(source);
    });
    const url = await listen(app);
    const body = await rawBody(`${url}/news`, { "Accept-Encoding": "gzip" });
    expect(gunzipSync(body).toString()).toBe("id: 1\ndata: a\n\n");
    await until("its source is let go", () => source.destroyed);
    const { streams, verdict } = await app.drain.start();
    expect(streams).toMatchObject([{ class: "sse", kind: "endless", events: null, outcome: "handed-off" }]);
    expect(verdict).toBe("clean");
  });
});

function onceOf() {
  return createOnceover<FastifyRequest>({ service: "s", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
}

async function register(options: DrainOptions = {}): Promise<FastifyInstance> {
  const app = Fastify();
  await app.register(drain, { once: onceOf(), plan: PLAN, signals: [], ...options });
  return app;
}

async function listen(app: FastifyInstance): Promise<string> {
  ending.push(() => app.close().catch(() => {}));
  return app.listen({ port: 0, host: "127.0.0.1" });
}

/** An application with a handler that waits for `go()`, hooks that tell when they are called, and one that can fail. */
async function serveSlow() {
  const app = await register();
  const told: string[] = [];
  let go = () => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  let isFailing = false;
  app.get("/quick", async () => "quick");
  app.get("/slow", async () => {
    told.push("slow");
    await gone;
    told.push("answered");
    return "whole";
  });
  app.addHook("preClose", async () => void told.push("preClose"));
  app.addHook("onClose", async () => {
    told.push("onClose");
    if (isFailing) throw new Error("a hook failed");
  });
  const fail = () => {
    isFailing = true;
  };
  const url = await listen(app);
  return { app: Object.assign(app, { go, fail }), url, told };
}

async function statusAt(url: string, path: string): Promise<number> {
  return (await fetch(`${url}${path}`)).status;
}
