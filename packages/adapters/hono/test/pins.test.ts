import { createOnceover, type MountOptions, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { createPinKeys, fetchForward, memoryRegistry, revisions } from "@onceover/core/revisions";
import { type Context, Hono } from "hono";
import { afterEach, describe, expect, it } from "vitest";
import { type OnceoverVariables, onceover } from "../src/index.js";

type App = Hono<{ Variables: OnceoverVariables }>;

const stopping: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0)) await stop();
});

/** An application whose instance has pins, and what `build` adds behind the mount. */
function serve(
  build: (app: App, mount: (options?: MountOptions<Context>) => ReturnType<typeof onceover>) => void,
): App {
  const once = createOnceover<Context>({
    service: "payments",
    revision: "r1",
    store: memoryStore(),
    scope: SHARED_SCOPE,
    pins: pins({ writes: { schemaRev: 11 } }),
  });
  const app: App = new Hono();
  app.use(onceover(once));
  build(app, (options) => onceover(once, options));
  return app;
}

const keyed = { method: "POST", headers: { "Idempotency-Key": "k" }, body: "amount=1" };

function saidBy({ headers }: Response): (string | null)[] {
  return [headers.get("revision"), headers.get("schema-rev")];
}

describe("answers say their revision and pins", () => {
  it("whoever answers: a handler, notFound, onError, a middleware in between, a response that cannot be changed", async () => {
    const app = serve((app) => {
      app.onError((error, c) => c.text(error.message, 418));
      app.use("/closed", async (c) => c.text("closed", 403));
      app.all("/broken", () => {
        throw new Error("no such account");
      });
      app.all("/away", () => Response.redirect("https://pay.example/receipts/1", 303));
      app.all("/json", (c) => c.json({ ok: true }, 201, { Revision: "mine" }));
      app.all("/empty", (c) => c.body(null, 204));
    });
    const expected = { "/nowhere": 404, "/closed": 403, "/broken": 418, "/away": 303, "/json": 201, "/empty": 204 };
    for (const [path, status] of Object.entries(expected)) {
      for (const init of [{}, { method: "HEAD" }, keyed]) {
        const answer = await app.request(path, {
          ...init,
          headers: { ...Object(init).headers, "Idempotency-Key": path },
        });
        expect([path, answer.status, ...saidBy(answer)]).toEqual([path, status, "r1", "11"]);
      }
    }
  });

  it("once, where a request passes several mounts, and the strictest counts", async () => {
    const app = serve((app, mount) => {
      app.get("/strict", mount({ pins: { required: true } }), (c) => c.text("served"));
    });
    const refused = await app.request("/strict");
    expect([refused.status, JSON.parse(await refused.text()).code, ...saidBy(refused)]).toEqual([
      428,
      "pins-missing",
      "r1",
      "11",
    ]);
    const served = await app.request("/strict", { headers: { "Schema-Rev": "11" } });
    expect([served.status, ...saidBy(served)]).toEqual([200, "r1", "11"]);
  });
});

describe("a handler", () => {
  it("finds the pins of its request at c.get('pinned'), with a key and without", async () => {
    const app = serve((app) => {
      app.all("/pay", async (c) => c.json([c.get("pinned")?.asked, c.get("once")?.key, await c.req.text()]));
    });
    const headers = { "Schema-Rev": "11" };
    const answer = await app.request("/pay", { ...keyed, headers: { ...keyed.headers, ...headers } });
    expect(await answer.json()).toEqual([{ schemaRev: 11 }, "k", "amount=1"]);
    expect(await (await app.request("/pay", { headers })).json()).toEqual([{ schemaRev: 11 }, null, ""]);
  });
});

describe("a request for another revision", () => {
  it("is forwarded whole, and the fields of middleware in front stay beside those of its answer", async () => {
    const registry = memoryRegistry();
    const apps = new Map<string, App>();
    for (const id of ["r1", "r2"]) {
      const once = createOnceover<Context>({
        service: "payments",
        revision: id,
        store: memoryStore(),
        scope: SHARED_SCOPE,
        pins: pins({
          writes: { indexHash: `ix-${id}` },
          revisions: revisions({
            registry,
            address: `http://${id}.internal`,
            addresses: ["http://*.internal"],
            keys: createPinKeys({ service: "payments", keys: [{ id: "a", secret: new Uint8Array(32).fill(7) }] }),
            forwarder: fetchForward({
              fetch: async (input, init) => {
                const request = new Request(input, init);
                const app = apps.get(new URL(request.url).hostname.split(".")[0] ?? "");
                if (app === undefined) throw new TypeError("fetch failed");
                return app.fetch(request);
              },
            }),
          }),
        }),
      });
      const app: App = new Hono();
      app.use(async (c, next) => {
        c.header("X-Served-By", id);
        await next();
      });
      app.use(onceover(once));
      app.post("/pay", async (c) => c.text(`${id} ${await c.req.text()} ${c.req.query("to")}`, 201));
      apps.set(id, app);
      stopping.push((await once.pins.announce()).stop);
    }
    const headers = { ...keyed.headers, "Index-Hash": "ix-r1" };
    for (const isReplayed of [null, "true"]) {
      const answer = await apps.get("r2")?.request("/pay?to=bob", { ...keyed, headers });
      expect([answer?.status, await answer?.text()]).toEqual([201, "r1 amount=1 bob"]);
      const names = ["revision", "idempotency-replayed", "x-served-by"];
      expect(names.map((name) => answer?.headers.get(name))).toEqual(["r1", isReplayed, "r1"]);
    }
  });
});
