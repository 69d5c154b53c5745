import type { MountOptions } from "@onceover/core";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { onceover } from "../src/index.js";
import { closeAll, createOnce, postTwice, serve } from "./serve.js";

afterEach(closeAll);

const pay = async (request: FastifyRequest) => ({ key: request.once?.key ?? null });

describe("encapsulation", () => {
  it("registered in a plugin, it leaves the routes outside alone", async () => {
    const { post } = await serve(async (app, once) => {
      await app.register(
        async (inner) => {
          await inner.register(onceover, { once });
          inner.post("/pay", pay);
        },
        { prefix: "/inner" },
      );
      app.post("/pay", async () => "paid");
    });
    expect((await postTwice(post, "/inner/pay")).first.text).toBe('{"key":"k"}');
    expect((await post("/pay")).headers.get("cache-control")).toBeNull();
    expect((await post("/pay")).headers.get("idempotency-replayed")).toBeNull();
  });

  it("registered outside and inside, the outer one counts, and nothing waits for itself", async () => {
    const { post, count } = await serve(async (app, once) => {
      await app.register(onceover, { once });
      await app.register(async (inner) => {
        await inner.register(onceover, { once, inFlight: "reject", effects: "repeatable" });
        inner.post("/pay", async (_request, reply) => reply.code(500).send("declined"));
      });
    });
    // A 500 is recorded because the outer one says effects "once".
    await postTwice(post, "/pay");
    expect(count("run")).toBe(1);
  });

  it("without a key request.once is undefined, and the answer is left alone", async () => {
    const { url } = await serve(async (app, once) => {
      await app.register(onceover, { once });
      app.post("/pay", pay);
    });
    const response = await fetch(`${url}/pay`, { method: "POST" });
    expect([await response.json(), response.headers.get("cache-control")]).toEqual([{ key: null }, null]);
  });

  for (const custom of [true, false]) {
    it(`a request that no route answers is a 404 of ${custom ? "the application's" : "Fastify's"}, recorded and replayed`, async () => {
      const { post } = await serve(async (app, once) => {
        await app.register(onceover, { once });
        if (custom) app.setNotFoundHandler((_request, reply) => void reply.code(404).send("nowhere"));
      });
      const { first } = await postTwice(post, "/nowhere");
      expect([first.status, first.text]).toEqual([404, expect.stringContaining(custom ? "nowhere" : "not found")]);
    });
  }
});

describe("config.onceover", () => {
  it("holds for its route alone, over what the plugin was given", async () => {
    const { post, url } = await serve(async (app, once) => {
      await app.register(onceover, { once, required: true, effects: "repeatable" });
      const fails = async (_request: FastifyRequest) => Promise.reject(new Error("bank closed"));
      app.post("/kept", { config: { onceover: { effects: "once", required: undefined } } }, fails);
      app.post("/free", fails);
      app.post("/open", { config: { onceover: { required: false } } }, pay);
    });
    await postTwice(post, "/kept", { headers: { "Idempotency-Key": "kept" } });
    expect((await post("/free")).headers.get("idempotency-replayed")).toBeNull();
    expect((await post("/free")).headers.get("idempotency-replayed")).toBeNull();
    const keyless = async (path: string) => (await fetch(`${url}${path}`, { method: "POST" })).status;
    expect([await keyless("/kept"), await keyless("/free"), await keyless("/open")]).toEqual([400, 400, 200]);
  });

  it("false leaves the route alone", async () => {
    const { post, count } = await serve(async (app, once) => {
      await app.register(onceover, { once, required: true });
      app.post("/pay", { config: { onceover: false } }, pay);
    });
    expect([(await post("/pay")).text, (await post("/pay")).text, count("run")]).toEqual([
      '{"key":null}',
      '{"key":null}',
      0,
    ]);
  });

  const wrong: readonly (readonly [given: unknown, says: string])[] = [
    [{ leaseMs: -1 }, "leaseMs must be a positive whole number of milliseconds, got -1"],
    [{ retain: "30d" }, "onceover has no option retain"],
    [true, "config.onceover must be an object of options or false, got true"],
    [null, "config.onceover must be an object of options or false, got null"],
  ];
  for (const [given, says] of wrong) {
    it(`${JSON.stringify(given)} is a TypeError where the route is declared`, async () => {
      const app = Fastify();
      await app.register(onceover, { once: createOnce().once });
      const declare = () => app.post("/pay", { config: { onceover: given as MountOptions } }, pay);
      expect(declare).toThrow(TypeError);
      expect(declare).toThrow(says);
    });
  }

  it("of a route that was declared before the plugin was there holds too; a wrong one lets nothing run", async () => {
    const { url, post, count } = await serve(async (app, once) => {
      app.post("/pay", { config: { onceover: { required: true } } }, pay);
      app.post("/wrong", { config: { onceover: { leaseMs: -1 } } }, pay);
      await app.register(onceover, { once });
    });
    expect((await fetch(`${url}/pay`, { method: "POST" })).status).toBe(400);
    await postTwice(post, "/pay");
    expect([(await post("/wrong")).status, count("run")]).toEqual([500, 1]);
  });
});

describe("what the plugin is given", () => {
  const register = async (options: object) => await Fastify().register(onceover, options as never);

  it("wrong options are a TypeError when it is registered", async () => {
    const { once } = createOnce();
    await expect(register({ once, effects: "twice" })).rejects.toThrow(
      new TypeError('effects must be "once" or "repeatable", got "twice"'),
    );
    await expect(register({})).rejects.toThrow(new TypeError("once must be made by createOnceover(), got undefined"));
  });
});

describe("inject()", () => {
  async function injected(build: (app: FastifyInstance) => void) {
    const { once, count } = createOnce();
    const app = Fastify();
    await app.register(onceover, { once });
    build(app);
    const headers = { "idempotency-key": "k" };
    const inject = (payload?: string | object) =>
      app.inject({ method: "POST", url: "/pay", headers, ...(payload && { payload }) });
    return { app, inject, count };
  }

  it("is served, compared and replayed like a request from outside", async () => {
    const { inject, count } = await injected((app) => void app.post("/pay", async (request) => request.body));
    const [first, again] = [await inject({ to: "bob", n: 1 }), await inject({ n: 1, to: "bob" })];
    expect([first.statusCode, first.json()]).toEqual([200, { to: "bob", n: 1 }]);
    expect([again.payload, again.headers["idempotency-replayed"]]).toEqual([first.payload, "true"]);
    expect((await inject({ to: "eve", n: 1 })).json()).toMatchObject({ code: "key-reused" });
    expect(count("run")).toBe(1);
  });

  it("streams, empty answers and raw ones come whole", async () => {
    const { app, count } = await injected((app) => {
      app.post("/stream", async () => new Response(new Blob(["paid ", "in full"]).stream(), { status: 201 }));
      app.post("/empty", async (_request, reply) => reply.code(204).send());
      app.post("/raw", (_request, reply) => void reply.hijack().raw.writeHead(202).end("paid"));
    });
    for (const [url, ...expected] of [
      ["/stream", 201, "paid in full"],
      ["/empty", 204, ""],
      ["/raw", 202, "paid"],
    ] as const) {
      const ask = () => app.inject({ method: "POST", url, headers: { "idempotency-key": url } });
      const [first, again] = [await ask(), await ask()];
      expect([first.statusCode, first.payload]).toEqual(expected);
      expect([again.statusCode, again.payload, again.headers["idempotency-replayed"]]).toEqual([...expected, "true"]);
    }
    expect(count("run")).toBe(3);
  });
});

it("is accepted by an application over HTTP/2 as by one over HTTP/1", async () => {
  const app = Fastify({ http2: true });
  await app.register(onceover, { once: createOnce().once, required: true });
  expect(app.hasRequestDecorator("once")).toBe(true);
});
