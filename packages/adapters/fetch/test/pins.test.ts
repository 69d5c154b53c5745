import { createOnceover, memoryStore, type PinnedFetch, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import {
  createPinKeys,
  fetchForward,
  type GivenForwarder,
  memoryRegistry,
  type RevisionRegistry,
  revisions,
} from "@onceover/core/revisions";
import { afterEach, describe, expect, it } from "vitest";
import { type OnceoverHandler, withOnceover } from "../src/index.js";
import { code } from "./mounted.js";

type Handler = OnceoverHandler<Request, []>;
type Served = (request: Request) => Promise<Response>;

const FOR_R1 = { "Index-Hash": "ix-r1" };
const keyed = { method: "POST", headers: { "Idempotency-Key": "k" }, body: "amount=1" };

function ask(init: RequestInit = {}, path = "/charges"): Request {
  return new Request(`https://pay.example${path}`, init);
}

/** A handler whose instance has pins, and knows of no other revision. */
function pinned(handler: Handler) {
  const once = createOnceover<Request>({
    service: "payments",
    revision: "r1",
    store: memoryStore(),
    scope: SHARED_SCOPE,
    pins: pins({ writes: { schemaRev: 11 } }),
  });
  return { once, serve: withOnceover(once, handler) };
}

/** One that is announced, and reaches the others by what `reach` has for their origin. */
async function revision(
  id: string,
  registry: RevisionRegistry,
  reach: Map<string, Served>,
  handler: Handler,
  forwarder?: GivenForwarder,
) {
  const address = `http://${id}.internal`;
  const send = async (input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input, init);
    const served = reach.get(new URL(request.url).origin);
    if (served === undefined) throw Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
    return served(request);
  };
  const once = createOnceover<Request>({
    service: "payments",
    revision: id,
    store: memoryStore(),
    scope: SHARED_SCOPE,
    pins: pins({
      writes: { indexHash: `ix-${id}` },
      revisions: revisions({
        registry,
        address,
        addresses: ["http://*.internal"],
        forwarder: forwarder ?? fetchForward({ fetch: send }),
        keys: createPinKeys({ service: "payments", keys: [{ id: "a", secret: new Uint8Array(32).fill(7) }] }),
        announceOnRequest: true,
      }),
    }),
  });
  const serve = withOnceover(once, handler);
  reach.set(address, serve);
  const announcing = await once.pins.announce();
  stopping.push(announcing.stop);
  return serve;
}

const stopping: (() => Promise<void>)[] = [];
const { fetch: ownFetch } = globalThis;
afterEach(async () => {
  globalThis.fetch = ownFetch;
  for (const stop of stopping.splice(0)) await stop();
});

/** Two revisions; requests reach the second one, and the first one has what only it serves. */
async function two(first: Handler, forwarder?: GivenForwarder) {
  const [registry, reach] = [memoryRegistry(), new Map<string, Served>()];
  const target = await revision("r1", registry, reach, first);
  const front = await revision("r2", registry, reach, () => new Response("not the one"), forwarder);
  return { target, front, reach };
}

/** Catches what is sent on. */
function catchSent(): Request[] {
  const sent: Request[] = [];
  globalThis.fetch = async (input, init) => {
    sent.push(new Request(input, init));
    return new Response("ok");
  };
  return sent;
}

describe("answers say their revision and pins", () => {
  it("where their head cannot be changed: a redirect, and what fetch gave", async () => {
    const answers = [
      () => Response.redirect("https://pay.example/receipts/1", 303),
      () => ownFetch("data:text/plain,paid"),
    ];
    for (const answer of answers) {
      const { serve } = pinned(answer);
      for (const init of [{}, keyed, keyed]) {
        const response = await serve(ask(init));
        expect([response.headers.get("revision"), response.headers.get("schema-rev")]).toEqual(["r1", "11"]);
        expect(response.status === 303 ? response.headers.get("location") : await response.text()).toBe(
          response.status === 303 ? "https://pay.example/receipts/1" : "paid",
        );
      }
    }
  });

  it("in place of what the handler says under the same names, and its cookies stay apart", async () => {
    const { serve } = pinned(() => {
      const headers = new Headers({ Revision: "mine" });
      for (const cookie of ["a=1", "b=2"]) headers.append("Set-Cookie", cookie);
      return new Response(null, { status: 204, headers });
    });
    for (const init of [{}, keyed]) {
      const { status, headers } = await serve(ask(init));
      expect([status, headers.get("revision"), headers.getSetCookie()]).toEqual([204, "r1", ["a=1", "b=2"]]);
    }
  });
});

describe("a handler", () => {
  it("is told the pins of its request, with a key and without", async () => {
    const { serve } = pinned((request) => Response.json([request.pinned?.asked, request.once?.key]));
    const asking = (init: RequestInit) => serve(ask({ ...init, headers: { ...init.headers, "Schema-Rev": "11" } }));
    expect(await (await asking(keyed)).json()).toEqual([{ schemaRev: 11 }, "k"]);
    expect(await (await asking({})).json()).toEqual([{ schemaRev: 11 }, null]);
    const refused = await serve(ask({ headers: { "Schema-Rev": "12" } }));
    expect([refused.status, await code(refused)]).toEqual([412, "backend-behind"]);
  });

  it("sends its pins on by request.pinned.fetch, and the key of a step", async () => {
    const sent = catchSent();
    const { serve } = pinned(async ({ pinned: { fetch: send = ownFetch as PinnedFetch } = {} }) =>
      send("https://bank.example/", { method: "POST", step: "charge" }),
    );
    const headers = { ...keyed.headers, "Schema-Rev": "11", "Model-Tag": "m-1" };
    expect(await (await serve(ask({ ...keyed, headers }))).text()).toBe("ok");
    const names = ["schema-rev", "model-tag"].map((name) => sent[0]?.headers.get(name));
    expect([names, sent[0]?.headers.get("idempotency-key")?.length]).toEqual([["11", "m-1"], expect.any(Number)]);
  });

  it("sends its pins on by the instance's fetch wherever the runtime can tell requests apart", async () => {
    const sent = catchSent();
    const { once, serve } = pinned(() => once.fetch("https://bank.example/"));
    await serve(ask({ headers: { "Schema-Rev": "11" } }));
    const { process, AsyncLocalStorage } = globalThis as Readonly<Record<string, unknown>>;
    const knows = AsyncLocalStorage !== undefined || typeof Object(process).getBuiltinModule === "function";
    expect(sent[0]?.headers.get("schema-rev")).toBe(knows ? "11" : null);
  });
});

describe("a request for another revision", () => {
  it("is forwarded whole, and its answer comes back as it is", async () => {
    const { front } = await two(async (request) => {
      const headers = new Headers({ "X-Url": request.url });
      for (const cookie of ["a=1", "b=2"]) headers.append("Set-Cookie", cookie);
      return new Response(`${await request.text()} ${request.once?.key}`, { status: 201, headers });
    });
    const headers = { ...keyed.headers, ...FOR_R1 };
    for (const isReplayed of [null, "true"]) {
      const answer = await front(ask({ ...keyed, headers }, "/charges?to=bob"));
      expect([answer.status, await answer.text()]).toEqual([201, "amount=1 k"]);
      expect([answer.headers.get("revision"), answer.headers.get("idempotency-replayed")]).toEqual(["r1", isReplayed]);
      expect(answer.headers.getSetCookie()).toEqual(isReplayed === null ? ["a=1", "b=2"] : []);
    }
  });

  it("is streamed: the first piece comes before the last one is there", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const bodies = [readable];
    const headers = { "Content-Type": "text/event-stream" };
    const { front } = await two(() => new Response(bodies.shift() ?? "again", { headers }));
    const writer = writable.getWriter();
    const writing = writer.write(new TextEncoder().encode("early"));
    const answer = await front(ask({ headers: FOR_R1 }));
    const reader = answer.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("early");
    await writing;
    const closing = writer.close();
    expect((await reader?.read())?.done).toBe(true);
    await closing;
    expect(answer.headers.get("cache-control")).toBe("private");
    const pin = answer.headers.get("revision-pin") ?? "";
    expect(answer.headers.getSetCookie()[0]).toContain(`__Host-revision-pin=${pin}; Path=/; Max-Age=`);
    const again = await front(ask({ headers: { "Revision-Pin": pin, Accept: "text/event-stream" } }));
    expect([again.headers.get("revision"), await again.text()]).toEqual(["r1", "again"]);
  });

  it("is answered 503 where that one cannot be reached, and nothing runs", async () => {
    const { front, reach } = await two(() => new Response("gone"));
    reach.clear();
    const answer = await front(ask({ ...keyed, headers: { ...keyed.headers, ...FOR_R1 } }));
    expect([answer.status, await code(answer)]).toEqual([503, "revision-unreachable"]);
  });

  it("is answered 508 where it comes back to its service", async () => {
    const { front } = await two(() => new Response("never"));
    const answer = await front(ask({ headers: { ...FOR_R1, Via: "1.1 onceover-payments" } }));
    expect([answer.status, await code(answer)]).toEqual([508, "forward-loop"]);
  });

  it("rejects where the forwarder is one for Node alone", async () => {
    const { front } = await two(() => new Response("never"), { node: async () => {} });
    await expect(front(ask({ headers: FOR_R1 }))).rejects.toThrow("forwarder must be one for Request and Response");
  });
});
