import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { drainable } from "@onceover/node";
import { expect, it, onTestFinished } from "vitest";

/** A balancer asks by a new connection each time. */
function probeEvery(port: number, everyMs: number): () => void {
  const timer = setInterval(() => {
    const probe = get({ port, host: "127.0.0.1", path: "/readyz", agent: false }, (answer) => answer.resume());
    // Nobody is there any more.
    probe.on("error", () => {});
  }, everyMs);
  return () => clearInterval(timer);
}

it("an instance that a balancer keeps asking for its readiness leaves as soon as all is over", async () => {
  const once = createOnceover({ service: "s", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
  const server = createServer((request, response) => drain.endpoints(request, response, () => response.end("served")));
  const drain = drainable(server, once, {
    plan: { budgetMs: 10_000, holdMs: 1000, quietMs: 100, drainMs: 4000, farewellMs: 5000 },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(probeEvery((server.address() as AddressInfo).port, 50));
  const { phases } = await drain.start();
  expect(phases.farewell).toMatchObject({ endedBy: "done" });
});
