import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOnceover, type MountOptions, memoryStore, type OnceoverEvent, SHARED_SCOPE } from "@onceover/core";
import compression from "compression";
import express, { type Application, type ErrorRequestHandler, type Request, type RequestHandler } from "express";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { onceover } from "../src/index.js";
import { serve as listen } from "./start-express.js";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const folder = mkdtempSync(join(tmpdir(), "onceover-express-"));
const file = join(folder, "receipt.txt");
writeFileSync(file, "paid ".repeat(1000));
afterAll(() => rmSync(folder, { recursive: true }));

/** Serves an application that `build` is given, and posts to it. */
async function serve(build: (app: Application, mount: (options?: MountOptions<Request>) => RequestHandler) => void) {
  const events: OnceoverEvent[] = [];
  const once = createOnceover<Request>({
    service: "express",
    revision: "r1",
    store: memoryStore(),
    scope: SHARED_SCOPE,
    on: (event) => void events.push(event),
  });
  const app = express();
  build(app, (options) => onceover(once, options));
  const { url, close } = await listen(app);
  closing.push(close);
  async function post(path: string, headers: Record<string, string> = {}) {
    const init = { method: "POST", headers: { "Idempotency-Key": "k", ...headers }, redirect: "manual" } as const;
    const response = await fetch(`${url}${path}`, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
  return { url, post, events };
}

type Post = Awaited<ReturnType<typeof serve>>["post"];

/** Posts twice; the second answer must be the first one again. */
async function postTwice(post: Post, path: string, headers?: Record<string, string>) {
  const [first, again] = [await post(path, headers), await post(path, headers)];
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect([again.status, again.text]).toEqual([first.status, first.text]);
  return { first, again };
}

const LARGE = { note: "n".repeat(5000) };

describe("compression()", () => {
  for (const side of ["before", "after"] as const) {
    const build =
      (answer: RequestHandler): Parameters<typeof serve>[0] =>
      (app, mount) => {
        app.use(side === "before" ? [compression(), mount()] : [mount(), compression()]);
        app.post("/pay", answer);
      };

    it(`mounted ${side} us: res.json is compressed, recorded and replayed`, async () => {
      const { post } = await serve(build((_request, response) => void response.json(LARGE)));
      const { first, again } = await postTwice(post, "/pay", { "Accept-Encoding": "gzip" });
      expect(JSON.parse(first.text)).toEqual(LARGE);
      for (const answer of [first, again]) {
        expect(answer.headers.get("content-encoding")).toBe("gzip");
        expect(answer.headers.get("vary")).toBe("Accept-Encoding");
      }
    });

    it(`mounted ${side} us: a stream is compressed, recorded and replayed`, async () => {
      const { post } = await serve(build((_request, response) => response.sendFile(file)));
      const { first } = await postTwice(post, "/pay", { "Accept-Encoding": "gzip" });
      expect(first.headers.get("content-encoding")).toBe("gzip");
      expect(first.text).toBe("paid ".repeat(1000));
    });
  }

  it("mounted before us: each retry is encoded as it asks for", async () => {
    const { post } = await serve((app, mount) => {
      app.use(compression(), mount());
      app.post("/pay", (_request, response) => void response.json(LARGE));
    });
    await post("/pay", { "Accept-Encoding": "gzip" });
    const plain = await post("/pay", { "Accept-Encoding": "identity" });
    expect([plain.headers.get("content-encoding"), JSON.parse(plain.text)]).toEqual([null, LARGE]);
  });

  it("mounted after us: a retry is sent what was compressed for the first request, whatever it asks for", async () => {
    const { post } = await serve((app, mount) => {
      app.use(mount(), compression());
      app.post("/pay", (_request, response) => void response.json(LARGE));
    });
    await post("/pay", { "Accept-Encoding": "gzip" });
    const again = await post("/pay", { "Accept-Encoding": "identity" });
    expect([again.headers.get("content-encoding"), JSON.parse(again.text)]).toEqual(["gzip", LARGE]);
  });
});

describe("Express's ways to answer are replayed", () => {
  const ways: Readonly<Record<string, RequestHandler>> = {
    "res.json": (_request, response) => void response.status(201).json({ paid: true }),
    "res.jsonp": (_request, response) => void response.jsonp({ paid: true }),
    "res.send of a string": (_request, response) => void response.send("<p>paid</p>"),
    "res.send of bytes": (_request, response) => void response.type("png").send(Buffer.from([0x89, 0x50, 0, 0xff])),
    "res.sendStatus": (_request, response) => void response.sendStatus(202),
    "res.redirect": (_request, response) => response.redirect("/receipts/1"),
    "res.redirect with a status": (_request, response) => response.redirect(303, "/receipts/1"),
    "res.sendFile": (_request, response) => response.sendFile(file),
    "res.download": (_request, response) => response.download(file, "receipt.txt"),
    "res.format": (_request, response) => void response.format({ text: () => void response.send("paid") }),
    "res.end": (_request, response) => void response.status(204).end(),
  };
  for (const [way, handler] of Object.entries(ways)) {
    it(way, async () => {
      const { post } = await serve((app, mount) => void app.post("/pay", mount(), handler));
      const { first, again } = await postTwice(post, "/pay");
      for (const name of ["content-type", "location", "etag", "content-disposition", "x-powered-by", "vary"]) {
        expect(again.headers.get(name), name).toBe(first.headers.get(name));
      }
    });
  }

  it("res.cookie: a cookie is set once", async () => {
    const { post } = await serve((app, mount) => {
      app.post("/pay", mount(), (_request, response) => void response.cookie("seen", "1").clearCookie("old").json({}));
    });
    const { first, again } = await postTwice(post, "/pay");
    expect(first.headers.getSetCookie()).toHaveLength(2);
    expect(again.headers.getSetCookie()).toEqual([]);
  });
});

describe("routing", () => {
  it("a router inside a router: the full path is the request, and the handler sees its own", async () => {
    const { post } = await serve((app, mount) => {
      const [outer, inner] = [express.Router(), express.Router()];
      inner.use(mount());
      inner.post("/pay", (request, response) => void response.json([request.baseUrl, request.url]));
      outer.use("/v1", inner);
      app.use(["/a", "/b"], outer);
    });
    const { first } = await postTwice(post, "/a/v1/pay");
    expect(first.text).toBe('["/a/v1","/pay"]');
    expect((await post("/b/v1/pay")).status).toBe(422);
  });

  it("two mounts on one request: the first one counts, and nothing waits for itself", async () => {
    const keys: (string | undefined)[] = [];
    const { post, events } = await serve((app, mount) => {
      app.use(mount());
      app.post("/pay", mount({ required: true, inFlight: "reject", effects: "repeatable" }), (request, response) => {
        keys.push(request.onceover?.key);
        response.status(500).json({ error: "declined" });
      });
    });
    // A 500 is recorded because the first mount says effects "once".
    await postTwice(post, "/pay");
    expect(keys).toEqual(["k"]);
    expect(events.filter(({ type }) => type === "run")).toHaveLength(1);
  });

  it("a request no route answers is a 404, recorded and replayed", async () => {
    const { post } = await serve((app, mount) => void app.use(mount()));
    const { first } = await postTwice(post, "/nowhere");
    expect(first.status).toBe(404);
  });

  it("without a key there is no req.onceover, and the answer is left alone", async () => {
    const { url } = await serve((app, mount) => {
      app.post("/pay", mount(), (request, response) => void response.json({ key: request.onceover?.key ?? null }));
    });
    const response = await fetch(`${url}/pay`, { method: "POST" });
    expect(await response.json()).toEqual({ key: null });
    expect(response.headers.get("cache-control")).toBeNull();
  });
});

describe("error middleware", () => {
  const teapot: ErrorRequestHandler = (error: Error, _request, response, next) => {
    if (response.headersSent) return next(error);
    response.status(418).json({ error: error.message });
  };

  it("what it makes of an error is the answer: recorded, and replayed", async () => {
    const { post, events } = await serve((app, mount) => {
      app.post("/pay", mount(), async () => {
        throw new Error("no such account");
      });
      app.use(teapot);
    });
    const { first } = await postTwice(post, "/pay");
    expect([first.status, first.text]).toEqual([418, '{"error":"no such account"}']);
    expect(events.filter(({ type }) => type === "run")).toHaveLength(1);
  });

  it("gets what the scope function throws, and no key is claimed", async () => {
    const { post, events } = await serve((app, mount) => {
      const scope = async () => {
        throw new Error("no session store");
      };
      app.post("/pay", mount({ scope }), (_request, response) => void response.json({}));
      app.use(teapot);
    });
    expect((await post("/pay")).text).toBe('{"error":"no session store"}');
    expect(events.map(({ type }) => type)).toEqual(["verified"]);
  });

  it("a parser behind us that refuses the body answers 400, recorded and replayed", async () => {
    const { url } = await serve((app, mount) => {
      app.post("/pay", mount(), express.json(), (_request, response) => void response.json({}));
      app.use(
        ((error, _request, response, _next) => void response.status(error.status).json({})) as ErrorRequestHandler,
      );
    });
    const headers = { "Idempotency-Key": "k", "Content-Type": "application/json" };
    const post = () => fetch(`${url}/pay`, { method: "POST", headers, body: "{no json" });
    expect((await post()).status).toBe(400);
    const again = await post();
    expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([400, "true"]);
  });
});

it("finish and close reach the listeners of other middleware once per request, replays included", async () => {
  const told: string[] = [];
  const { post } = await serve((app, mount) => {
    app.use((_request, response, next) => {
      response.on("finish", () => told.push("finish")).on("close", () => told.push("close"));
      next();
    });
    app.post("/pay", mount(), (_request, response) => void response.json({}));
  });
  await postTwice(post, "/pay", { Connection: "close" });
  await expect.poll(() => told).toEqual(["finish", "close", "finish", "close"]);
});
