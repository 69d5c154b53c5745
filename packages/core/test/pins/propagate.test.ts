import { AsyncLocalStorage } from "node:async_hooks";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { setTimeout as later } from "node:timers/promises";
import { listen } from "@onceover/test/listen";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { effectKey } from "../../src/once.js";
import type { Pinned, PinnedFetchInit } from "../../src/pinned.js";
import { finish } from "../support.js";
import { type Asked, type PinnedService, pinnedService } from "./service.js";

const received: { readonly method: string; readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
let url: string;
let close: () => Promise<unknown>;

beforeAll(async () => {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    received.push({ method: request.method ?? "", headers: request.headers, body });
    response.end("{}");
  });
  const listening = await listen(server);
  url = listening.url;
  close = async () => listening.close();
});

afterAll(() => close());
beforeEach(() => {
  received.length = 0;
});

const PINNED = ["schema-rev", "x-schema-rev", "schema_rev", "index-hash", "model-tag", "corpus-rev", "idempotency-key"];

/** What arrived of pins and keys, in order of arrival. */
const arrived = () =>
  received.map(({ headers }) =>
    Object.fromEntries(PINNED.flatMap((name) => (name in headers ? [[name, headers[name]]] : []))),
  );

/** Lets a handler have the request. */
async function handle<T>(service: PinnedService, asked: Asked, handler: (pinned: Pinned) => T): Promise<T> {
  const verdict = await service.send(asked);
  if ((verdict.action !== "pass" && verdict.action !== "run") || verdict.pinned === undefined) {
    throw new Error(`not served, but ${verdict.action}`);
  }
  const { pinned } = verdict.pinned;
  try {
    return await verdict.pinned.enter(() => handler(pinned));
  } finally {
    if (verdict.action === "run") await finish(verdict.run);
  }
}

const asking = (headers: Asked["headers"], more: Asked = {}): Asked => ({ ...more, ...(headers && { headers }) });
const ALL: Asked["headers"] = { "x-schema-rev": "12", "index-hash": "ix1", "model-tag": "m@2" };

describe("the fetch of a handler", () => {
  it("sends on what came in, under the spelling that passes everywhere, and pins its service has no use for, too", async () => {
    await handle(pinnedService(), asking(ALL), ({ fetch }) => fetch(url));
    expect(arrived()).toEqual([{ "schema-rev": "12", "index-hash": "ix1", "model-tag": "m@2" }]);
  });

  it("sends on the text that came, prefix and all", async () => {
    const service = pinnedService({ pins: { writes: { schemaRev: 12 }, prefix: "sc-" } });
    await handle(service, asking({ "schema-rev": "sc-12" }), ({ fetch }) => fetch(url));
    expect(arrived()).toEqual([{ "schema-rev": "sc-12" }]);
  });

  it("sends on pins of the application's own, as they came and not as its schema makes them", async () => {
    const schema = z.object({ corpusRev: z.string().transform((text) => text.toUpperCase()) });
    const pins = { writes: { corpusRev: "A" }, schema } as never;
    await handle(pinnedService({ pins }), asking({ "corpus-rev": "a" }), ({ fetch }) => fetch(url));
    expect(arrived()).toEqual([{ "corpus-rev": "a" }]);
  });

  it("sends nothing that did not come in: neither what the backend has nor what else the request said", async () => {
    const headers = { authorization: "Bearer b", cookie: "a=b", "revision-pin": "rp1.x", via: "1.1 x" };
    await handle(pinnedService(), asking(headers), ({ fetch }) => fetch(url));
    expect(arrived()).toEqual([{}]);
    const sent = received[0]?.headers ?? {};
    expect(Object.keys(headers).filter((name) => name in sent)).toEqual([]);
  });

  it.each([
    ["an object", { "Schema-Rev": "7" }],
    ["a list", [["schema-rev", "7"]]],
    ["Headers", new Headers({ "SCHEMA-REV": "7" })],
  ] as const)("leaves a header alone that is named itself, by %s", async (_, headers) => {
    const init: PinnedFetchInit = { headers: headers as Headers };
    await handle(pinnedService(), asking(ALL), ({ fetch }) => fetch(url, init));
    expect(arrived()).toEqual([{ "schema-rev": "7", "index-hash": "ix1", "model-tag": "m@2" }]);
  });

  it.each(["x-schema-rev", "schema_rev"])(
    "adds no second spelling to the pin that is named itself as %s",
    async (name) => {
      await handle(pinnedService(), asking(ALL), ({ fetch }) => fetch(url, { headers: { [name]: "7" } }));
      expect(arrived()).toEqual([{ [name]: "7", "index-hash": "ix1", "model-tag": "m@2" }]);
    },
  );

  it("takes a URL or a Request, with its method, body and headers, and leaves that as it is", async () => {
    const request = new Request(url, {
      method: "POST",
      body: "hello",
      headers: { "index-hash": "mine", "x-own": "1" },
    });
    await handle(pinnedService(), asking(ALL), async ({ fetch }) => {
      await fetch(new URL(url));
      await fetch(request);
      await fetch(new Request(url, { headers: { "model-tag": "lost" } }), { headers: { "model-tag": "init" } });
    });
    expect(arrived()).toEqual([
      { "schema-rev": "12", "index-hash": "ix1", "model-tag": "m@2" },
      { "schema-rev": "12", "index-hash": "mine", "model-tag": "m@2" },
      { "schema-rev": "12", "index-hash": "ix1", "model-tag": "init" },
    ]);
    expect(received[1]).toMatchObject({ method: "POST", body: "hello", headers: { "x-own": "1" } });
    expect(request.headers.has("schema-rev")).toBe(false);
  });

  it("does without its object, and is the same each time", async () => {
    await handle(pinnedService(), asking(ALL), async (pinned) => {
      const { fetch } = pinned;
      expect(fetch).toBe(pinned.fetch);
      await fetch(url);
    });
    expect(arrived()).toHaveLength(1);
  });

  it("never changes the init it is given", async () => {
    const init = Object.freeze({ headers: Object.freeze({ a: "b" }) });
    await handle(pinnedService(), asking(ALL), ({ fetch }) => fetch(url, init));
    expect(init).toEqual({ headers: { a: "b" } });
  });
});

describe("a step", () => {
  const POST: Asked = { method: "POST", key: "k-1", headers: { "schema-rev": "12" } };

  it("is sent the key that once.effectKey makes, the same in each run and another one for each step", async () => {
    const service = pinnedService();
    const verdict = await service.send(POST);
    if (verdict.action !== "run") throw new Error(verdict.action);
    const { fetch } = verdict.pinned?.pinned ?? never();
    await fetch(url, { method: "POST", step: "charge" });
    await fetch(url, { method: "POST", step: "mail" });
    const keys = arrived().map((each) => each["idempotency-key"]);
    expect(keys).toEqual([verdict.run.once.effectKey("charge"), verdict.run.once.effectKey("mail")]);
    expect(keys[0]).toMatch(/^[\w-]+\.charge$/);
    expect(keys[0]).not.toContain("k-1");
    await finish(verdict.run);
  });

  it("leaves a key alone that is named itself", async () => {
    const init = { step: "charge", headers: { "Idempotency-Key": "mine" } };
    await handle(pinnedService(), POST, ({ fetch }) => fetch(url, init));
    expect(arrived()).toEqual([{ "schema-rev": "12", "idempotency-key": "mine" }]);
  });

  it("without it no key is sent on: one stands for one effect of one service", async () => {
    await handle(pinnedService(), POST, ({ fetch }) => fetch(url, { method: "POST" }));
    expect(arrived()).toEqual([{ "schema-rev": "12" }]);
  });

  it("of a request without a key, or outside of one, rejects, and nothing is sent", async () => {
    const service = pinnedService();
    const message = 'step needs a request that carries an idempotency key, got "a"';
    await expect(handle(service, {}, ({ fetch }) => fetch(url, { step: "a" }))).rejects.toThrow(new TypeError(message));
    await expect(service.once.fetch(url, { step: "a" })).rejects.toThrow(
      new TypeError('step needs a request that is being handled, got "a"'),
    );
    expect(received).toEqual([]);
  });

  it("that is named badly rejects as once.effectKey throws", async () => {
    const wanted = (() => {
      try {
        return effectKey("k" as never, "a b");
      } catch (error) {
        return error;
      }
    })();
    await expect(handle(pinnedService(), POST, ({ fetch }) => fetch(url, { step: "a b" }))).rejects.toThrow(
      wanted as TypeError,
    );
  });
});

describe("the fetch of an instance", () => {
  it("sends on the pins of the request that is being handled, across awaits and timers", async () => {
    const service = pinnedService();
    await handle(service, asking(ALL), async () => {
      await service.once.fetch(url);
      await later(5);
      await service.once.fetch(url);
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.all([service.once.fetch(url), Promise.resolve().then(() => service.once.fetch(url))]);
    });
    const pins = { "schema-rev": "12", "index-hash": "ix1", "model-tag": "m@2" };
    expect(arrived()).toEqual([pins, pins, pins, pins]);
  });

  it("goes on doing so in what the handler began and left behind", async () => {
    const service = pinnedService();
    let left: Promise<Response> | undefined;
    await handle(service, asking(ALL), () => {
      left = later(20).then(() => service.once.fetch(url));
    });
    await left;
    expect(arrived()).toEqual([{ "schema-rev": "12", "index-hash": "ix1", "model-tag": "m@2" }]);
  });

  it("never mixes requests up that are handled at the same time", async () => {
    const service = pinnedService();
    const one = async (at: number) => {
      const asked = asking({ "index-hash": `ix${at}`, "schema-rev": "12" });
      await handle(service, asked, async (pinned) => {
        for (let time = 0; time < 3; time += 1) {
          await later((at * 7 + time) % 11);
          await service.once.fetch(url, { headers: { "corpus-rev": `ix${at}` } });
          expect(pinned.asked).toEqual({ schemaRev: 12 });
        }
      });
    };
    await Promise.all(Array.from({ length: 50 }, (_, at) => one(at)));
    expect(received).toHaveLength(150);
    for (const each of arrived()) expect(each["index-hash"]).toBe(each["corpus-rev"]);
  });

  it("is that of the innermost request, where one service calls another one in the same process", async () => {
    const [outer, inner] = [pinnedService(), pinnedService({ pins: { writes: { indexHash: "in" } } })];
    await handle(outer, asking({ "schema-rev": "12" }), async () => {
      await handle(inner, asking({ "index-hash": "in" }), () => outer.once.fetch(url));
      await inner.once.fetch(url);
    });
    expect(arrived()).toEqual([{ "index-hash": "in" }, { "schema-rev": "12" }]);
  });

  it("outside of a request is fetch, with nothing added", async () => {
    const service = pinnedService();
    await handle(service, asking(ALL), () => {});
    await service.once.fetch(url, { method: "POST", body: "a" });
    await new AsyncLocalStorage().run({}, () => service.once.fetch(url));
    expect(arrived()).toEqual([{}, {}]);
    expect(received[0]).toMatchObject({ method: "POST", body: "a" });
  });

  it("has the keys of the run's steps", async () => {
    const service = pinnedService();
    const verdict = await service.send({ method: "POST", key: "k-1" });
    if (verdict.action !== "run") throw new Error(verdict.action);
    await verdict.pinned?.enter(() => service.once.fetch(url, { step: "charge" }));
    expect(arrived()).toEqual([{ "idempotency-key": verdict.run.once.effectKey("charge") }]);
    await finish(verdict.run);
  });
});

function never(): never {
  throw new Error("a request whose pins were judged has an exchange");
}
