import { createServer } from "node:http";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { memoryRegistry, type RevisionRegistry, revisions } from "@onceover/core/revisions";
import { onceover } from "@onceover/express";
import { nodeForward } from "@onceover/node/forward";
import { listen } from "@onceover/test/listen";
import express from "express";
import { afterEach, expect, it } from "vitest";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const store = memoryStore();

interface Instance {
  readonly url: string;
  /** Puts another index in the place of the one it has. */
  replace(index: string): Promise<void>;
}

/** One instance of a revision that can serve those indexes, and has the first of them. */
async function start(
  registry: RevisionRegistry,
  revision: string,
  accepted: readonly [string, ...string[]],
  at?: string,
): Promise<Instance> {
  const app = express();
  const { url, close } = await listen(createServer(app));
  let [live] = accepted;
  const rules = revisions({
    registry,
    address: at ?? url,
    addresses: ({ hostname }) => hostname === "127.0.0.1",
    forwarder: nodeForward(),
    heartbeatMs: 60_000,
  });
  const once = createOnceover<express.Request>({
    service: "search",
    revision,
    store,
    scope: SHARED_SCOPE,
    pins: pins({
      writes: { indexHash: accepted[0] },
      accepts: { indexHash: accepted },
      read: () => ({ indexHash: live }),
      revisions: rules,
    }),
  });
  app.use(onceover(once));
  app.get("/search", (request, response) => void response.json({ index: request.pinned?.live.indexHash }));
  const announcing = await once.pins.announce();
  ends.push(async () => {
    await announcing.stop();
    await close();
  });
  return {
    url,
    async replace(index) {
      live = index;
      await once.pins.refresh();
    },
  };
}

async function ask(url: string, index: string): Promise<unknown> {
  const response = await fetch(`${url}/search`, { headers: { "Index-Hash": index } });
  return [response.status, await response.json()];
}

it("while the instances of a revision are brought up to date one by one, each request reaches one that has its index", async () => {
  const registry = memoryRegistry();
  const front = await start(registry, "r1", ["A"]);
  const first = await start(registry, "r2", ["B", "C"]);
  const second = await start(registry, "r2", ["B", "C"]);
  await second.replace("C");
  for (const { url } of [front, first, second]) {
    // As soon as the list that it has is not recent any more.
    await expect.poll(() => ask(url, "C"), { timeout: 5000 }).toEqual([200, { index: "C" }]);
    for (let times = 0; times < 10; times++) {
      expect(await ask(url, "B")).toEqual([200, { index: "B" }]);
      expect(await ask(url, "C")).toEqual([200, { index: "C" }]);
    }
  }
});

it("an instance at which nothing listens is asked once, as long as there is another one", async () => {
  const registry = memoryRegistry();
  await start(registry, "r1", ["A"], "http://127.0.0.1:1");
  await start(registry, "r1", ["A"]);
  const { url } = await start(registry, "r2", ["B"]);
  const answers: unknown[] = [];
  for (let times = 0; times < 40; times++) answers.push(await ask(url, "A"));
  const failed = answers.filter((answer) => JSON.stringify(answer).includes("revision-unreachable"));
  expect(failed.length).toBeLessThanOrEqual(1);
  expect(answers.at(-1)).toEqual([200, { index: "A" }]);
});
