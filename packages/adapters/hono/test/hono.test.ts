import { createOnceover, type MountOptions, memoryStore, type OnceoverEvent, SHARED_SCOPE } from "@onceover/core";
import { type Context, Hono } from "hono";
import { compress } from "hono/compress";
import { HTTPException } from "hono/http-exception";
import { streamSSE } from "hono/streaming";
import { validator } from "hono/validator";
import { describe, expect, it } from "vitest";
import { type OnceoverVariables, onceover } from "../src/index.js";

type Env = { Variables: OnceoverVariables };

/** An application, and what is mounted in it over a fresh memory store. */
function started() {
  const events: OnceoverEvent[] = [];
  const once = createOnceover<Context>({
    service: "payments",
    revision: "r1",
    store: memoryStore(),
    scope: SHARED_SCOPE,
    on: (event) => events.push(event),
  });
  const mount = (options?: MountOptions<Context>) => onceover(once, options);
  return { app: new Hono<Env>(), mount, events, types: () => events.map(({ type }) => type) };
}

function pay(body = '{"amount":1}', type = "application/json") {
  return { method: "POST", headers: { "Idempotency-Key": "k", "Content-Type": type }, body };
}

function isReplay(response: Response): boolean {
  return response.headers.get("idempotency-replayed") === "true";
}

async function code(response: Response): Promise<unknown> {
  return JSON.parse(await response.text()).code;
}

const FORM = "application/x-www-form-urlencoded";

describe("the run", () => {
  it('is c.get("once"), typed, and absent without a key', async () => {
    const { app, mount } = started();
    app.post("/pay", mount(), (c) => c.json({ key: c.get("once")?.key }));
    expect(await (await app.request("/pay", pay())).json()).toEqual({ key: "k" });
    expect(await (await app.request("/pay", { method: "POST" })).json()).toEqual({});
  });

  it("belongs to the first of several mounts", async () => {
    const { app, mount, types } = started();
    app.use(mount()).post("/pay", mount(), (c) => c.json(c.get("once")?.attempt ?? null));
    expect(await (await app.request("/pay", pay())).json()).toBe(1);
    expect(types()).toEqual(["verified", "run", "recorded"]);
  });

  it("keeps the runtime at work by executionCtx.waitUntil until it is recorded", async () => {
    const { app, mount, types } = started();
    const kept: Promise<unknown>[] = [];
    const ctx = {
      waitUntil: (promise: Promise<unknown>) => void kept.push(promise),
      passThroughOnException() {},
      props: {},
    };
    app.post("/pay", mount(), (c) => streamSSE(c, (stream) => stream.writeSSE({ data: "paid" })));
    await (await app.request("/pay", pay(), {}, ctx)).body?.cancel();
    expect(kept).toHaveLength(1);
    await Promise.all(kept);
    expect(types().at(-1)).toBe("recorded");
  });
});

describe("a body that was read before", () => {
  it("by a validator is compared, and still there for the handler, raw and parsed", async () => {
    const { app, mount } = started();
    const json = validator("json", (value) => value);
    app.post("/pay", json, mount(), async (c) =>
      c.json([await c.req.json(), await c.req.raw.json(), c.req.valid("json")]),
    );
    const first = await app.request("/pay", pay());
    expect(await first.json()).toEqual([{ amount: 1 }, { amount: 1 }, { amount: 1 }]);
    expect(isReplay(await app.request("/pay", pay('{ "amount": 1 }')))).toBe(true);
    expect(await code(await app.request("/pay", pay('{"amount":2}')))).toBe("key-reused");
  });

  it("by parseBody() is compared, multipart by its parts", async () => {
    const { app, mount } = started();
    const form = validator("form", (value) => value);
    app.post("/pay", form, mount(), async (c) => c.json(await c.req.parseBody()));
    const multipart = (boundary: string, to: string) =>
      pay(
        `--${boundary}\r\nContent-Disposition: form-data; name="to"\r\n\r\n${to}\r\n--${boundary}--\r\n`,
        `multipart/form-data; boundary=${boundary}`,
      );
    expect(await (await app.request("/pay", multipart("b-1", "bob"))).json()).toEqual({ to: "bob" });
    expect(isReplay(await app.request("/pay", multipart("b-2", "bob")))).toBe(true);
    expect(await code(await app.request("/pay", multipart("b-2", "eve")))).toBe("key-reused");
  });

  it("by formData() is compared field by field, but not a form of parts, whose bytes are gone", async () => {
    const { app, mount } = started();
    app.use(async (c, next) => {
      await c.req.formData();
      await next();
    });
    app.post("/pay", mount(), async (c) => c.json([...(await c.req.formData()).entries()]));
    const first = await app.request("/pay", pay("to=bob&tag=a&tag=b", FORM));
    expect(await first.json()).toEqual([
      ["to", "bob"],
      ["tag", "a"],
      ["tag", "b"],
    ]);
    expect(isReplay(await app.request("/pay", pay("tag=a&tag=b&to=bob", FORM)))).toBe(true);
    expect(await code(await app.request("/pay", pay("to=eve&tag=a&tag=b", FORM)))).toBe("key-reused");
    const parts = new FormData();
    parts.set("to", "bob");
    const request = { method: "POST", headers: { "Idempotency-Key": "k" }, body: parts };
    expect(await code(await app.request("/pay", request))).toBe("body-consumed");
  });

  it("past Hono is refused, because nobody kept it", async () => {
    const { app, mount } = started();
    app.use(async (c, next) => {
      await c.req.raw.text();
      await next();
    });
    app.post("/pay", mount(), (c) => c.text("ran"));
    expect(await code(await app.request("/pay", pay()))).toBe("body-consumed");
  });
});

describe("a handler that fails", () => {
  it("throws: the answer of onError is recorded and replayed, and the listeners are told what was thrown", async () => {
    const { app, mount, events } = started();
    const error = new Error("no such account");
    app.onError((_error, c) => c.json({ sorry: true }, 503));
    app.post("/pay", mount(), () => {
      throw error;
    });
    for (const replayed of [false, true]) {
      const answer = await app.request("/pay", pay());
      expect([answer.status, await answer.json(), isReplay(answer)]).toEqual([503, { sorry: true }, replayed]);
    }
    expect(events.filter(({ type }) => type === "handler-failed")).toEqual([expect.objectContaining({ error })]);
  });

  it("throws an HTTPException of the client's making: recorded like any answer, and no failure", async () => {
    const { app, mount, types } = started();
    app.post("/pay", mount(), () => {
      throw new HTTPException(422, { message: "card declined" });
    });
    const first = await app.request("/pay", pay());
    const again = await app.request("/pay", pay());
    expect([first.status, await again.text(), isReplay(again)]).toEqual([422, "card declined", true]);
    expect(types()).not.toContain("handler-failed");
  });

  it.each([
    ["throws what is no Error", () => Promise.reject("no such account")],
    ["returns nothing", async () => undefined as unknown as Response],
  ])("%s: 500 handler-failed, recorded and replayed", async (_how, handler) => {
    const { app, mount, types } = started();
    app.post("/pay", mount(), handler);
    expect(await code(await app.request("/pay", pay()))).toBe("handler-failed");
    expect(isReplay(await app.request("/pay", pay()))).toBe(true);
    expect(types()).toEqual(["verified", "run", "handler-failed", "recorded", "replayed"]);
  });

  it("in scope goes to onError, and claims no key", async () => {
    const { app, mount, types } = started();
    app.onError((error, c) => c.text(error.message, 500));
    const scope = () => {
      throw new Error("no session store");
    };
    app.post("/pay", mount({ scope }), (c) => c.text("ran"));
    expect(await (await app.request("/pay", pay())).text()).toBe("no session store");
    expect(types()).not.toContain("run");
  });
});

describe("fields", () => {
  it("of a replay: those of middleware in front, unless the record or problem has its own", async () => {
    const { app, mount } = started();
    app.use(async (c, next) => {
      c.header("Cache-Control", "private");
      c.header("X-Before", "b");
      await next();
      c.header("X-After", "a");
    });
    app.post("/pay", mount(), (c) => c.json({}, 200, { "X-Ledger": "l-1" }));
    await app.request("/pay", pay());
    const again = await app.request("/pay", pay());
    const fields = ["x-before", "x-after", "x-ledger", "cache-control"].map((name) => again.headers.get(name));
    expect(fields).toEqual(["b", "a", "l-1", "no-store"]);
    const refused = await app.request("/pay", pay("{}"));
    expect([refused.status, refused.headers.get("cache-control")]).toEqual([422, "no-store"]);
  });

  it("that a handler has taken away stay away", async () => {
    const { app, mount } = started();
    app.use(async (c, next) => {
      c.header("X-Before", "b");
      await next();
    });
    app.post("/pay", mount(), (c) => {
      c.header("X-Before", undefined);
      return c.json({});
    });
    expect((await app.request("/pay", pay())).headers.has("x-before")).toBe(false);
  });
});

describe("with Hono's own", () => {
  it("compress() in front, first answer and replay are compressed for whoever asks for it", async () => {
    const { app, mount } = started();
    const text = "paid ".repeat(1000);
    // Said by the handler: Bun adds the type of a text where nobody can see it.
    app.use(compress()).post("/pay", mount(), (c) => c.text(text, 200, { "Content-Type": "text/plain" }));
    for (const encoding of ["gzip", undefined, "gzip"]) {
      const init = pay();
      const headers = { ...init.headers, ...(encoding && { "Accept-Encoding": encoding }) };
      const answer = await app.request("/pay", { ...init, headers });
      expect(answer.headers.get("content-encoding")).toBe(encoding ?? null);
      const plain = encoding === "gzip" ? answer.body?.pipeThrough(new DecompressionStream("gzip")) : answer.body;
      expect(await new Response(plain ?? null).text()).toBe(text);
    }
  });

  it("streamSSE(): each event leaves as it comes, and all are replayed", async () => {
    const { app, mount } = started();
    let next = () => {};
    const asked = new Promise<void>((resolve) => {
      next = resolve;
    });
    app.post("/pay", mount(), (c) =>
      streamSSE(c, async (stream) => {
        await stream.writeSSE({ data: "one" });
        await asked;
        await stream.writeSSE({ data: "two" });
      }),
    );
    const reader = (await app.request("/pay", pay())).body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe("data: one\n\n");
    next();
    expect((await reader?.read())?.value).toBe("data: two\n\n");
    expect((await reader?.read())?.done).toBe(true);
    expect(await (await app.request("/pay", pay())).text()).toBe("data: one\n\ndata: two\n\n");
  });

  it("notFound(): what no route answers is recorded like any answer", async () => {
    const { app, mount } = started();
    app.use(mount()).notFound((c) => c.text("nothing here", 404));
    expect((await app.request("/nowhere", pay())).status).toBe(404);
    const again = await app.request("/nowhere", pay());
    expect([again.status, await again.text(), isReplay(again)]).toEqual([404, "nothing here", true]);
  });
});
