/** One client of Upstash, shared by the requests of a Worker, in workerd itself. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisServer, startRedis } from "../src/redis-server.js";
import { startUpstashRest, type UpstashRest } from "../src/upstash-rest.js";
import { bundle } from "./bundle.js";
import { type RunningWorker, startWorker } from "./workerd.js";

let redis: RedisServer;
let rest: UpstashRest;
let worker: RunningWorker;

beforeAll(async () => {
  redis = await startRedis();
  rest = await startUpstashRest(redis.port);
  worker = await startWorker(await bundle(workerOf(rest)));
  // The first call verifies the store, and the first use of a script sends its text after its digest was not known.
  for (const instance of ["here", "elsewhere"]) expect(await post(instance, instance)).toMatchObject({ status: 201 });
});
afterAll(async () => {
  await worker.stop();
  await rest.close();
  await redis.stop();
});

/** Two instances over one client, each with a cache of its own; the client gathers commands, as it does by default. */
function workerOf({ url, token }: UpstashRest): string {
  return `
    import { createOnceover, SHARED_SCOPE } from "@onceover/core";
    import { withOnceover } from "@onceover/fetch";
    import { upstashStore } from "@onceover/upstash";
    import { Redis } from "@upstash/redis/cloudflare";

    const client = new Redis({ url: ${JSON.stringify(url)}, token: ${JSON.stringify(token)} });
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 256);
    function serve() {
      const store = upstashStore({ client, timeoutMs: 5000 });
      const once = createOnceover({ service: "s", revision: "r1", store, scope: SHARED_SCOPE });
      return withOnceover(once, async () => new Response(bytes, { status: 201 }));
    }
    const [here, elsewhere] = [serve(), serve()];
    export default {
      fetch(request, env, ctx) {
        const isElsewhere = request.headers.get("instance") === "elsewhere";
        return (isElsewhere ? elsewhere : here)(request, env, ctx);
      },
    };
  `;
}

async function post(key: string, instance = "here"): Promise<{ status: number; replayed: boolean; bytes: Buffer }> {
  const headers = { "Idempotency-Key": key, Instance: instance };
  const response = await fetch(worker.url, { method: "POST", headers, body: "amount=1" });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, replayed: response.headers.get("idempotency-replayed") === "true", bytes };
}

it("a first run is two HTTP calls and a replay one, of the same bytes", async () => {
  const before = rest.seen.length;
  const first = await post("one");
  expect(first).toMatchObject({ status: 201, replayed: false });
  expect(rest.seen.length - before).toBe(2);
  expect(await post("one", "elsewhere")).toEqual({ ...first, replayed: true });
  expect(rest.seen.length - before).toBe(3);
});

it("twenty requests at once are each answered, and so are their retries", async () => {
  const keys = Array.from({ length: 20 }, (_, index) => `at-once-${index}`);
  const first = await Promise.all(keys.map((key) => post(key)));
  expect(new Set(first.map(({ status, replayed }) => `${status} ${replayed}`))).toEqual(new Set(["201 false"]));
  const again = await Promise.all(keys.map((key) => post(key, "elsewhere")));
  expect(new Set(again.map(({ status, replayed }) => `${status} ${replayed}`))).toEqual(new Set(["201 true"]));
});
