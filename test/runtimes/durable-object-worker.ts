/** A Worker that keeps its records in Durable Objects, as its users write it, and with which a test can see what happened. */

import { env } from "cloudflare:workers";
import { createOnceover, SHARED_SCOPE } from "@onceover/core";
import { durableObjectStore, type RecordNamespace } from "@onceover/durable-object";
import { withOnceover } from "@onceover/fetch";

export { OnceoverRecord } from "@onceover/durable-object";

interface Ctx {
  waitUntil(promise: Promise<unknown>): void;
}

const LEASE_MS = 1000;
const { RECORDS } = env as { readonly RECORDS: RecordNamespace };
const ran: string[] = [];
const called: string[] = [];

/** The binding, and a note of each stub that was asked for: of each call, since each has its own. */
const namespace: RecordNamespace = {
  idFromName(name) {
    called.push(name);
    return RECORDS.idFromName(name);
  },
  get: (id) => RECORDS.get(id),
};

async function pay(request: Request): Promise<Response> {
  const key = request.headers.get("idempotency-key") ?? "";
  ran.push(key);
  await new Promise((resolve) => setTimeout(resolve, Number(new URL(request.url).searchParams.get("ms") ?? 0)));
  return Response.json({ paid: await request.text(), run: ran.length }, { status: 201 });
}

/** One isolate's view: a cache of its own, over objects that all share. */
function serve() {
  const store = durableObjectStore({ namespace, timeoutMs: 10_000 });
  const options = {
    service: "payments",
    revision: "r1",
    scope: SHARED_SCOPE,
    idempotency: { leaseMs: LEASE_MS },
  } as const;
  return withOnceover<Request, [env?: unknown, ctx?: Ctx]>(createOnceover({ ...options, store }), pay);
}

const instances: Readonly<Record<string, ReturnType<typeof serve>>> = { here: serve(), elsewhere: serve() };

/** All unknown outcomes, over all pages. */
async function unknowns(): Promise<number> {
  const store = durableObjectStore({ namespace, timeoutMs: 10_000 });
  let [count, page] = [0, await store.unknowns()];
  for (;;) {
    count += page.items.length;
    if (page.cursor === undefined) return count;
    page = await store.unknowns(page.cursor);
  }
}

export default {
  async fetch(request: Request, _: unknown, ctx: Ctx): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/ran") return Response.json(ran.filter((key) => key === searchParams.get("key")).length);
    if (pathname === "/called") return Response.json(called.splice(0));
    if (pathname === "/unknowns") return Response.json(await unknowns());
    const instance = instances[request.headers.get("instance") ?? "here"];
    if (instance === undefined) return new Response(null, { status: 404 });
    // Without its ctx, a run ends with its request.
    return searchParams.has("alone") ? instance(request) : instance(request, env, ctx);
  },
};
