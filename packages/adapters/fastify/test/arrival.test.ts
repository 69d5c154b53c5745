import { once as event } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { memoryStore, type Store } from "@onceover/core";
import type { FastifyRequest } from "fastify";
import { afterEach, describe, expect, it } from "vitest";
import { onceover } from "../src/index.js";
import { closeAll, postTwice, serve } from "./serve.js";

afterEach(closeAll);

const JSON_TYPE = { "Content-Type": "application/json" };

/** A memory store whose `acquire` waits until it is told to go on. */
function heldStore() {
  const memory = memoryStore();
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const acquire: Store["acquire"] = (request) => released.then(() => memory.acquire(request));
  const store: Store = { ...memory, acquire };
  return { store, release };
}

describe("hooks in front", () => {
  it("authentication of the route itself comes first: it names the caller, and what it refuses burns no key", async () => {
    const callers = new WeakMap<FastifyRequest, string>();
    const { post, count } = await serve(async (app, once) => {
      await app.register(onceover, { once, scope: (request) => callers.get(request) });
      const onRequest = async (request: FastifyRequest) => {
        const { authorization } = request.headers;
        if (authorization === undefined) throw Object.assign(new Error("who are you?"), { statusCode: 401 });
        callers.set(request, authorization);
      };
      app.post("/pay", { onRequest }, async (request) => callers.get(request));
    });
    expect((await post("/pay")).status).toBe(401);
    for (const caller of ["alice", "bob"]) {
      const { first } = await postTwice(post, "/pay", { headers: { Authorization: caller } });
      expect(first.text).toBe(caller);
    }
    expect(count("run")).toBe(2);
  });

  it("one that has put another stream in the body's place leaves nothing to compare: refused, and nothing runs", async () => {
    const { post, count } = await serve(async (app, once) => {
      app.addHook("preParsing", async (_request, _reply, payload) => payload.pipe(new PassThrough()));
      await app.register(onceover, { once });
      app.post("/pay", async (request) => request.body);
    });
    const refused = await post("/pay", { headers: JSON_TYPE, body: "{}" });
    expect([refused.status, JSON.parse(refused.text).code, count("run")]).toEqual([500, "body-consumed", 0]);
  });

  it("one behind us that does so is given the body whole", async () => {
    const { post } = await serve(async (app, once) => {
      await app.register(onceover, { once });
      app.addHook("preParsing", async (_request, _reply, payload) => payload.pipe(new PassThrough()));
      app.post("/pay", async (request) => request.body);
    });
    const { first } = await postTwice(post, "/pay", { headers: JSON_TYPE, body: '{"to":"bob"}' });
    expect(first.text).toBe('{"to":"bob"}');
  });
});

describe("errors", () => {
  it("a field that no response can carry, set by a hook in front, lets nothing run and gives the key back", async () => {
    let runs = 0;
    const { post, once, count } = await serve(async (app, once) => {
      app.addHook("onRequest", async (_request, reply) => void reply.header("X-Name", "two\nlines"));
      await app.register(onceover, { once });
      app.post("/pay", async () => ({ run: ++runs }));
    });
    expect((await post("/pay")).status).toBe(500);
    await once.idle();
    expect([runs, count("abandoned")]).toEqual([0, 1]);
  });

  it("what an error handler makes of them is the answer: recorded, and replayed", async () => {
    const { post, count } = await serve(async (app, once) => {
      app.setErrorHandler((error: Error, _request, reply) => void reply.code(418).send({ error: error.message }));
      await app.register(onceover, { once });
      app.post("/pay", () => Promise.reject(new Error("no such account")));
    });
    const { first } = await postTwice(post, "/pay");
    expect([first.status, first.text, count("run")]).toEqual([418, '{"error":"no such account"}', 1]);
  });

  for (const thrown of [new Error("no session store"), "no session store", undefined]) {
    it(`a scope function that throws ${String(thrown)} reaches the error handler, and no key is claimed`, async () => {
      const { post, events } = await serve(async (app, once) => {
        app.setErrorHandler((error: Error, _request, reply) => void reply.code(418).send(error.message));
        await app.register(onceover, { once, scope: () => Promise.reject(thrown) });
        app.post("/pay", async () => "ran");
      });
      const { status, text } = await post("/pay");
      expect([status, text]).toEqual([
        418,
        expect.stringContaining(String(thrown instanceof Error ? thrown.message : thrown)),
      ]);
      expect(events.map(({ type }) => type)).toEqual(["verified"]);
    });
  }

  it("a body that the parser or the schema refuses is a 400, recorded and replayed", async () => {
    const { post } = await serve(async (app, once) => {
      await app.register(onceover, { once });
      const body = { type: "object", required: ["to"] };
      app.post("/pay", { schema: { body } }, async () => "ran");
    });
    for (const body of ["{no json", '{"from":"bob"}']) {
      const { first } = await postTwice(post, "/pay", {
        headers: { ...JSON_TYPE, "Idempotency-Key": String(body.length) },
        body,
      });
      expect(first.status).toBe(400);
    }
  });
});

it("multipart: a parser that leaves the stream to the handler finds it whole, and a new boundary changes nothing", async () => {
  const { post } = await serve(async (app, once) => {
    await app.register(onceover, { once });
    app.addContentTypeParser("multipart/form-data", (_request, _payload, done) => done(null));
    app.post("/pay", async (request) => (await request.raw.toArray()).join("").includes("receipt"));
  });
  const form = () => {
    const made = new FormData();
    made.set("file", new Blob(["a receipt"]), "receipt.txt");
    return made;
  };
  expect((await post("/pay", { body: form() })).text).toBe("true");
  const again = await post("/pay", { body: form() });
  expect([again.text, again.headers.get("idempotency-replayed")]).toEqual(["true", "true"]);
});

describe("handlerTimeout", () => {
  it("while the key is being claimed: nothing runs, and the key is given back", async () => {
    const { store, release } = heldStore();
    let runs = 0;
    const { post, once, count } = await serve(
      async (app, once) => {
        await app.register(onceover, { once });
        app.post("/pay", { handlerTimeout: 50 }, async () => ({ run: ++runs }));
      },
      { store },
    );
    expect((await post("/pay")).status).toBe(503);
    release();
    await expect.poll(() => count("abandoned")).toBe(1);
    await once.idle();
    expect(runs).toBe(0);
    expect((await postTwice(post, "/pay")).first.text).toBe('{"run":1}');
  });

  it("while the handler runs: its 503 is the answer, and what the handler says later changes nothing", async () => {
    let runs = 0;
    const { post } = await serve(async (app, once) => {
      await app.register(onceover, { once });
      app.post("/pay", { handlerTimeout: 50 }, async () => {
        runs += 1;
        await sleep(150);
        return "late";
      });
    });
    const { first } = await postTwice(post, "/pay");
    expect([first.status, runs]).toEqual([503, 1]);
  });
});

describe("a client that hangs up", () => {
  for (const body of ["", '{"to":"bob"}']) {
    const what = body === "" ? "nothing" : "JSON";
    it(`having sent ${what} gets the empty answer of a handler that resolves with nothing when it comes again`, async () => {
      let runs = 0;
      const { app, post, once } = await serve(async (app, once) => {
        await app.register(onceover, { once });
        app.post("/pay", async (request, reply) => {
          runs += 1;
          // A body that was not read keeps the request from closing, and its signal from telling.
          await (body === "" ? event(request.raw.socket, "close") : event(request.signal, "abort"));
          reply.code(204);
        });
      });
      const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
      const type = body === "" ? {} : JSON_TYPE;
      const fields = { Host: "h", "Idempotency-Key": "k", ...type, "Content-Length": body.length };
      const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`POST /pay HTTP/1.1\r\n${head.join("")}\r\n${body}`);
      await expect.poll(() => runs).toBe(1);
      socket.destroy();
      await once.idle();
      const again = await post("/pay", { headers: type, ...(body && { body }) });
      expect([again.status, again.headers.get("idempotency-replayed"), runs]).toEqual([204, "true", 1]);
    });
  }
});
