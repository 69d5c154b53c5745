import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPinKeys, memoryRegistry } from "@onceover/core/revisions";
import { type Listening, listen } from "@onceover/test/listen";
import { startNginx } from "@onceover/test/nginx";
import { startPostgres } from "@onceover/test/postgres-server";
import { startRedis } from "@onceover/test/redis-server";
import { until } from "@onceover/test/wait";
import { Redis } from "ioredis";
import { Pool } from "pg";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type SearchIndex, searchService } from "../pins/by-live.js";
import { type NextHandler, nextServer } from "../pins/next-server.js";
import { declareGone, invite, raiseFloor, rollBack, rotated } from "../pins/operations.js";
import { app as quotes } from "../pins/own-pins.js";
import { orderService } from "../pins/propagation.js";
import { fromCollection, fromFile, fromHttp, fromPostgres, fromRedis } from "../pins/readers.js";
import { searchInstance, serve } from "../pins/side-by-side.js";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "onceover-pins-test-"));
  ends.push(() => rm(folder, { recursive: true }));
});

async function listening(listener: RequestListener): Promise<Listening> {
  const served = await listen(createServer(listener));
  ends.push(served.close);
  return served;
}

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

describe("search.ts", () => {
  async function start(pins: object): Promise<string> {
    process.env.LIVE_PINS = join(folder, "live-pins.json");
    await writeFile(process.env.LIVE_PINS, JSON.stringify(pins));
    vi.resetModules();
    const { app } = await import("../pins/search.js");
    return `${(await listening(app)).url}/search?question=wax`;
  }

  it("answers who was built against the index that is live, and tells everybody which one that is", async () => {
    const url = await start({ indexHash: "ix1-60303ae2" });
    const { status, headers, body } = await get(url, { "Index-Hash": "ix1-60303ae2", "Schema-Rev": "11" });
    expect([status, body]).toEqual([200, { question: "wax", index: "ix1-60303ae2" }]);
    const said = ["revision", "index-hash", "schema-rev"].map((name) => headers.get(name));
    expect(said).toEqual(["r42", "ix1-60303ae2", "12"]);
  });

  it.each([
    [{}, 428, "pins-missing"],
    [{ "Index-Hash": "ix1-9f86d081" }, 412, "backend-behind"],
    [{ "Index-Hash": "ix1-60303ae2", "Schema-Rev": "13" }, 412, "backend-behind"],
    [{ "Index-Hash": "ix1-60303ae2", "Schema-Rev": "10" }, 412, "client-behind"],
    [{ "Index-Hash": "ix1-60303ae2", "X-Index-Hash": "ix1-9f86d081" }, 400, "pins-invalid"],
  ])("refuses %j with %i %s", async (headers, status, code) => {
    const refused = await get(await start({ indexHash: "ix1-60303ae2" }), headers);
    expect(refused).toMatchObject({ status, body: { code, executed: false } });
  });
});

describe("readers.ts", () => {
  it("reads pins from Redis", async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    ends.push(server.stop, () => client.disconnect());
    await client.set("search:live", '{"schemaRev": 12, "indexHash": "ix1-60303ae2"}');
    expect(await fromRedis(client)()).toEqual({ schemaRev: 12, indexHash: "ix1-60303ae2" });
  });

  it("reads pins from Postgres", async () => {
    const server = await startPostgres();
    const pool = new Pool({ connectionString: server.url });
    ends.push(server.stop, () => pool.end());
    await pool.query(await readFile(join(import.meta.dirname, "../pins/rename/before.sql"), "utf8"));
    expect(await fromPostgres(pool)()).toEqual({ schemaRev: 11 });
  });

  it("reads pins over HTTP, from a file and from what a client says of a collection", async () => {
    const { url } = await listening((_request, response) => void response.end('{"schemaRev": 12}'));
    expect(await fromHttp(url)()).toEqual({ schemaRev: 12 });
    await writeFile(join(folder, "pins.json"), '{"schemaRev": 13}');
    expect(await fromFile(join(folder, "pins.json"))()).toEqual({ schemaRev: 13 });
    const metadata = { indexHash: "ix1-60303ae2", modelTag: "m3" };
    expect(await fromCollection({ info: async () => ({ metadata }) })()).toEqual(metadata);
  });
});

describe("by-live.ts", () => {
  it("asks the index that the request was let in for, though another one goes live meanwhile", async () => {
    let live = "ix1-9f86d081";
    const answering = (name: string): SearchIndex => ({
      async search() {
        live = "ix1-60303ae2";
        return [name];
      },
    });
    const builds = new Map(["ix1-9f86d081", "ix1-60303ae2"].map((hash) => [hash, answering(hash)]));
    const { url } = await listening(searchService(builds, () => ({ indexHash: live })));
    const { body, headers } = await get(`${url}/search?question=wax`, { "Index-Hash": "ix1-9f86d081" });
    expect([body, headers.get("Index-Hash")]).toEqual([["ix1-9f86d081"], "ix1-9f86d081"]);
  });

  it("asks none for a request that asks for nothing while it cannot be read which one is live", async () => {
    const { url } = await listening(searchService(new Map(), () => Promise.reject(new Error("no alias"))));
    expect((await fetch(`${url}/search?question=wax`)).status).toBe(503);
  });
});

describe("own-pins.ts", () => {
  it.each([
    ["7", 200, { priceList: 7 }],
    ["07", 200, { priceList: 7 }],
    ["6", 412, { code: "backend-behind" }],
    ["seven", 400, { code: "pins-invalid" }],
  ])(
    "Price-List: %s is answered with %i: it is compared as what the schema makes of it",
    async (text, status, body) => {
      const { url } = await listening(quotes);
      expect(await get(`${url}/quote`, { "Price-List": text })).toMatchObject({ status, body });
    },
  );
});

describe("side-by-side.ts", () => {
  it("answers each request by the revision that has what it asks for", async () => {
    const redis = await startRedis();
    const client = new Redis(redis.url);
    ends.push(redis.stop, () => client.disconnect());
    const secret = randomBytes(32).toString("base64");
    const start = async (revision: string, indexHash: string) => {
      const port = await freePort();
      const address = `http://127.0.0.1:${port}`;
      const instance = searchInstance({
        client,
        revision,
        indexHash,
        address,
        addresses: (url) => url.hostname === "127.0.0.1",
        secret,
      });
      const before = process.listeners("SIGTERM");
      const server = await serve(instance, port);
      const [leave] = process.listeners("SIGTERM").filter((each) => !before.includes(each));
      ends.push(
        () => leave && process.off("SIGTERM", leave),
        () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
      );
      return `${address}/search`;
    };
    const urls = [await start("r42", "ix1-9f86d081"), await start("r43", "ix1-60303ae2")];
    for (const url of urls) {
      const knows = async () => (await get(url, { "Index-Hash": "ix1-60303ae2" })).status === 200;
      await until("it has heard of r43", knows);
      expect(await get(url, { "Index-Hash": "ix1-9f86d081" })).toMatchObject({ status: 200, body: { by: "r42" } });
      expect(await get(url, { "Index-Hash": "ix1-60303ae2" })).toMatchObject({ status: 200, body: { by: "r43" } });
    }
  });
});

describe("operations.ts", () => {
  it("says to the control what its comments say", async () => {
    const said: unknown[] = [];
    const say =
      (verb: string) =>
      async (...given: unknown[]) =>
        void said.push([verb, ...given]);
    const control = new Proxy({}, { get: (_, verb) => say(String(verb)) });
    for (const each of [rollBack, raiseFloor, declareGone, invite]) await each(control as Parameters<typeof invite>[0]);
    expect(said).toEqual([
      ["revoke", "r43"],
      ["setFloor", "r42"],
      ["dismiss", "r41"],
      ["sign", "override", "r43", 3_600_000],
    ]);
  });

  it("verifies what the old key signed, and signs with the new one", async () => {
    const [newSecret = "", oldSecret = ""] = [0, 1].map(() => randomBytes(32).toString("base64"));
    const old = createPinKeys({ service: "search", keys: [{ id: "2026-11", secret: oldSecret }] });
    const claims = { kind: "pin", revision: "r42", epoch: 0, expiresAtMs: Date.now() + 1000 } as const;
    const ring = rotated(newSecret, oldSecret);
    expect(await ring.verify(await old.sign(claims), Date.now())).toEqual({ outcome: "pin", claims });
    expect(await ring.sign(claims)).toMatch(/^rp1\.2026-12\./);
  });
});

describe("next-server.ts", () => {
  it("leads what a page of the old deployment asks for to it, and new pages to the new one", async () => {
    const registry = memoryRegistry();
    const start = async (revision: string) => {
      const handle: NextHandler = async ({ url }, response) => void response.end(JSON.stringify([revision, url]));
      let listener: RequestListener = () => {};
      const { url } = await listening((request, response) => listener(request, response));
      const { server, once } = nextServer(handle, { revision, registry, address: url });
      listener = (request, response) => void server.emit("request", request, response);
      const announcing = await once.pins.announce();
      ends.push(announcing.stop);
      return url;
    };
    await start("dpl-old");
    const url = await start("dpl-new");
    const asked = await Promise.all([
      get(`${url}/shop`, { "Sec-Fetch-Mode": "navigate" }),
      get(`${url}/shop`, { "X-Deployment-Id": "dpl-old", "Sec-Fetch-Mode": "cors" }),
      get(`${url}/_next/static/a.js?dpl=dpl-old`, { "Sec-Fetch-Mode": "no-cors" }),
      get(`${url}/shop`, { Cookie: "__vdpl=dpl-old" }),
      get(`${url}/shop`, { "X-Deployment-Id": "dpl-never" }),
    ]);
    expect(asked.map(({ body }) => body)).toEqual([
      ["dpl-new", "/shop"],
      ["dpl-old", "/shop"],
      ["dpl-old", "/_next/static/a.js?dpl=dpl-old"],
      ["dpl-old", "/shop"],
      ["dpl-new", "/shop"],
    ]);
  });
});

describe("propagation.ts", () => {
  it("sends on the pins that came in, those too that it has no use for, and a key of the step", async () => {
    const heard: IncomingHttpHeaders[] = [];
    const stock = await listening(({ headers }, response) => {
      heard.push(headers);
      response.writeHead(201).end();
    });
    const { url } = await listening(orderService(stock.url));
    const headers = { Authorization: "me", "Idempotency-Key": "order-17", "X-Schema-Rev": "11", "Model-Tag": "m3" };
    expect((await fetch(`${url}/orders`, { method: "POST", headers })).status).toBe(201);
    expect(heard).toMatchObject([{ "schema-rev": "11", "model-tag": "m3", "idempotency-key": expect.any(String) }]);
    expect(heard[0]?.["idempotency-key"]).not.toBe("order-17");
  });
});

describe("nginx.conf", () => {
  async function behindNginx(listener: RequestListener): Promise<string> {
    const { url } = await listening(listener);
    const config = await readFile(join(import.meta.dirname, "../pins/nginx.conf"), "utf8");
    const nginx = await startNginx({ server: config.replace("http://127.0.0.1:8080", url) });
    ends.push(nginx.stop);
    return nginx.url;
  }

  it("lets Schema-Rev through and drops SCHEMA_REV", async () => {
    const url = await behindNginx(({ headers }, response) => void response.end(JSON.stringify(headers)));
    const { body } = await get(url, { "Schema-Rev": "12", INDEX_HASH: "ix1-60303ae2" });
    expect(body).toMatchObject({ "schema-rev": "12", host: url.replace("http://", "") });
    expect(JSON.stringify(body)).not.toMatch(/index.hash/i);
  });

  it("hands on an event while the stream goes on", async () => {
    let end = () => {};
    const url = await behindNginx((_request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: 1\n\n");
      end = () => void response.end();
    });
    const reader = (await fetch(url)).body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("data: 1\n\n");
    end();
    await until("it has ended", async () => (await reader?.read())?.done === true);
  });
});

async function freePort(): Promise<number> {
  const { url, close } = await listen(createServer());
  await close();
  return Number(new URL(url).port);
}
