import { fileURLToPath } from "node:url";
import { startChild } from "@onceover/test/child";
import { until } from "@onceover/test/wait";
import { expect, it } from "vitest";
import { asking } from "./pools.js";
import { beginning, beginRun, usePostgresHouse } from "./transactions.js";

const given = usePostgresHouse();
const WORKER = fileURLToPath(new URL("./transaction-worker.ts", import.meta.url));

/** A run in another process, which has written its effect and not yet completed. */
async function startWorker(leaseMs: number) {
  const request = asking({ leaseMs });
  const node = ["--conditions", "onceover-src", "--import", "tsx"];
  const args = [...node, WORKER, given.house.server.url, request.key, String(leaseMs)];
  const child = await startChild(process.execPath, args, { ready: /^begun$/m });
  return { request, child, signal: (name: NodeJS.Signals) => process.kill(child.pid, name) };
}

it("a process that is killed in mid-run leaves nothing: the key is free at once, for as long as its lease would have been", async () => {
  const worker = await startWorker(600_000);
  const { store } = given.house.open();
  expect(await beginning(store, asking({ key: worker.request.key }), 20)).toMatchObject({ outcome: "running" });
  worker.signal("SIGKILL");
  await worker.child.ended;
  const begun = await beginning(store, asking({ key: worker.request.key }), 60_000);
  expect(begun).toMatchObject({ outcome: "acquired", attempt: 1 });
  if (begun.outcome === "acquired") await begun.transaction.complete(new TextEncoder().encode("paid"), 86_400_000);
  expect(await given.house.effectsOf(worker)).toBe(0);
});

it("a process that is paused loses its transaction after its lease, and finds out when it wakes: it writes nothing more", async () => {
  const worker = await startWorker(500);
  worker.signal("SIGSTOP");
  const { store } = given.house.open();
  await until("the key is free", async () => {
    const begun = await beginning(store, asking({ key: worker.request.key }), 60_000);
    if (begun.outcome === "acquired") await begun.transaction.abandon();
    return begun.outcome === "acquired";
  });
  const run = await beginRun(store, { key: worker.request.key });
  worker.signal("SIGUSR2");
  worker.signal("SIGCONT");
  await until("it has tried", () => worker.child.output().includes("ended:"));
  expect(worker.child.output()).toMatch(/^ended: .+, rolled-back, stale$/m);
  expect(worker.child.output()).not.toContain("wrote");
  await run.pay();
  expect(await run.complete()).toBe("ok");
  expect(await given.house.effectsOf(worker)).toBe(1);
  worker.signal("SIGKILL");
  await worker.child.ended;
});
