import { createOnceover, memoryStore, type OnceoverEvent, SHARED_SCOPE, type Store } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import {
  createPinKeys,
  fetchForward,
  memoryRegistry,
  type RevisionRegistry,
  type RevisionsOptions,
  revisions,
} from "@onceover/core/revisions";
import { describe, expect, it } from "vitest";
import { type OnceoverHandler, withOnceover } from "../src/index.js";
import { code } from "./mounted.js";

type Served = (request: Request) => Promise<Response>;

/** What the revisions of a service share, and how they reach each other. */
interface Edge {
  readonly registry: RevisionRegistry;
  readonly store: Store;
  readonly reach: Map<string, Served>;
}

const edge = (): Edge => ({ registry: memoryRegistry(), store: memoryStore(), reach: new Map() });

/** A revision of a service on a platform that has no timers between requests: it is announced, and learns, by its requests. */
function revision(
  { registry, store, reach }: Edge,
  id: string,
  handler: OnceoverHandler<Request, []>,
  more: Partial<RevisionsOptions> = {},
) {
  const address = `http://${id}.internal`;
  const events: OnceoverEvent[] = [];
  const forwarder = fetchForward({
    async fetch(input, init) {
      const request = new Request(input, init);
      const served = reach.get(new URL(request.url).origin);
      if (served === undefined) throw Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
      return served(request);
    },
  });
  const once = createOnceover<Request>({
    service: "payments",
    revision: id,
    store,
    scope: SHARED_SCOPE,
    on: (event) => void events.push(event),
    pins: pins({
      revisions: revisions({
        registry,
        address,
        addresses: ["http://*.internal"],
        forwarder,
        keys: createPinKeys({ service: "payments", keys: [{ id: "a", secret: new Uint8Array(32).fill(7) }] }),
        announceOnRequest: true,
        ...more,
      }),
    }),
  });
  const serve = withOnceover(once, handler);
  reach.set(address, serve);
  return { once, serve, events };
}

const ask = (init: RequestInit = {}) => new Request("https://pay.example/charges", init);
const pay = (key: string, amount = 1) =>
  ask({ method: "POST", headers: { "Idempotency-Key": key }, body: `amount=${amount}` });
const stream = (headers: Readonly<Record<string, string>> = {}) =>
  ask({ headers: { Accept: "text/event-stream", ...headers } });

/** A stream that says what it is told to, as long as it is open. */
function open() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    answer: () => new Response(readable, { headers: { "Content-Type": "text/event-stream" } }),
    say: (text: string) => writer.write(new TextEncoder().encode(text)),
    end: () => writer.close(),
  };
}

/** `r1`, which answers streams by that one, then by `again`, and `r2` beside it; both have been announced by a request. */
async function two() {
  const place = edge();
  const first = open();
  const streams = [first.answer];
  const effects: string[] = [];
  const handlerOf = (id: string): OnceoverHandler<Request, []> =>
    async function handle(request) {
      if (request.headers.get("accept") === "text/event-stream") {
        const again = new Response(`data: ${id}\n\n`, { headers: { "Content-Type": "text/event-stream" } });
        return (id === "r1" ? streams.shift()?.() : undefined) ?? again;
      }
      const text = `${id} ${await request.text()}`;
      if (request.method === "POST") effects.push(text);
      return new Response(text, { status: 201 });
    };
  const r1 = revision(place, "r1", handlerOf("r1"));
  const r2 = revision(place, "r2", handlerOf("r2"));
  for (const { serve } of [r1, r2]) await (await serve(ask())).text();
  return { ...place, r1, r2, first, effects };
}

const revisionOf = ({ headers }: Response) => headers.get("revision");

describe("on the edge, a revision that is told to let itself be drained", () => {
  it("goes on with its streams to their end, and takes them up again for whoever is pinned to it", async () => {
    const { r1, r2, first } = await two();
    const answer = await r1.serve(stream());
    const pin = answer.headers.get("revision-pin") ?? "";
    const reader = answer.body?.getReader();
    await r1.once.pins.drain("r1");
    expect(revisionOf(await r1.serve(ask()))).toBe("r2");
    const said = first.say("data: late\n\n");
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("data: late\n\n");
    await said;
    const ending = first.end();
    expect((await reader?.read())?.done).toBe(true);
    await ending;
    const again = await r1.serve(stream({ "Revision-Pin": pin, "Last-Event-ID": "1" }));
    expect([again.status, revisionOf(again), await again.text()]).toEqual([200, "r1", "data: r1\n\n"]);
    // Whichever revision the platform sends it to.
    const byWay = await r2.serve(stream({ "Revision-Pin": pin }));
    expect([revisionOf(byWay), await byWay.text()]).toEqual(["r1", "data: r1\n\n"]);
  });

  it("sends new work on, body and key and all, and runs none of it", async () => {
    const { r1, effects } = await two();
    await r1.once.pins.drain("r1");
    for (const isReplayed of [null, "true"]) {
      const answer = await r1.serve(pay("fresh"));
      expect([answer.status, revisionOf(answer), await answer.text()]).toEqual([
        201,
        isReplayed ? "r1" : "r2",
        "r2 amount=1",
      ]);
      expect(answer.headers.get("idempotency-replayed")).toBe(isReplayed);
    }
    expect(effects).toEqual(["r2 amount=1"]);
    const opened = await r1.serve(stream());
    expect([revisionOf(opened), await opened.text()]).toEqual(["r2", "data: r2\n\n"]);
    expect(r1.events.filter(({ type }) => type === "routed")).toHaveLength(2);
  });

  it("replays what it has run, and says where a key was used for something else", async () => {
    const { r1, effects } = await two();
    await (await r1.serve(pay("done"))).text();
    await r1.once.pins.drain("r1");
    const answer = await r1.serve(pay("done"));
    expect([revisionOf(answer), answer.headers.get("idempotency-replayed"), await answer.text()]).toEqual([
      "r1",
      "true",
      "r1 amount=1",
    ]);
    const reused = await r1.serve(pay("done", 2));
    expect([reused.status, await code(reused)]).toEqual([422, "key-reused"]);
    expect(effects).toEqual(["r1 amount=1"]);
  });

  it("refuses new work where nobody else is serving: 503, and for event streams an empty one", async () => {
    const { r1, r2, effects } = await two();
    for (const [id, { once }] of Object.entries({ r1, r2 })) await once.pins.drain(id);
    for (const { serve } of [r1, r2]) {
      const refused = await serve(pay("fresh"));
      expect([refused.status, refused.headers.get("retry-after"), await code(refused)]).toEqual([503, "1", "draining"]);
      const again = await serve(stream({ "Last-Event-ID": "1" }));
      expect([again.status, await again.text()]).toEqual([200, "retry: 1000\nid: 1\n\n"]);
    }
    expect(effects).toEqual([]);
    await r1.once.pins.serve("r1");
    // The key was not burned.
    expect(await (await r1.serve(pay("fresh"))).text()).toBe("r1 amount=1");
  });

  it.each([
    ["with keys", {}],
    ["without keys", { keys: undefined }],
  ])("is known to be by the first request of an instance that begins later, %s", async (_, more) => {
    const { r2, ...place } = await two();
    await r2.once.pins.drain("r1");
    const later = revision(place, "r1", () => new Response("never"), more);
    expect(revisionOf(await later.serve(ask()))).toBe("r2");
  });
});
