import { execFileSync, spawn } from "node:child_process";
import { once as happens } from "node:events";
import { createServer } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { until } from "@onceover/test/wait";
import { expect, it } from "vitest";
import { PATIENT, stage } from "./drain-stage.js";

const CLIENTS = fileURLToPath(new URL("fixtures/idle-clients.ts", import.meta.url));
/** Some of what a process may open is needed for other things. */
const MOST = Number(execFileSync("/bin/sh", ["-c", "ulimit -n"], { encoding: "utf8" })) - 500;
const COUNT = Number.isNaN(MOST) ? 10_000 : Math.min(10_000, MOST);

it("10,000 idle connections neither hold the drain up nor shorten it, and nobody else waits for them to be ended", async () => {
  const server = createServer((_request, response) => setTimeout(() => response.end("answered"), 1500));
  const { url, port, drain, close } = await stage(server, { plan: { ...PATIENT, holdMs: 10_000, quietMs: 1000 } });
  const args = ["--conditions", "onceover-src", "--import", "tsx", CLIENTS, String(port), String(COUNT)];
  const clients = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const gone = happens(clients, "exit");
  await happens(clients.stdout, "data");
  const count = () => new Promise<number>((resolve) => server.getConnections((_error, open) => resolve(open)));
  await until("all were accepted", async () => (await count()) === COUNT);
  const slow = fetch(url).then((answer) => answer.text());
  await until("the slow one has come", async () => (await count()) > COUNT);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const report = await drain.start();
  delay.disable();
  expect(await slow).toBe("answered");
  expect(report).toMatchObject({ verdict: "clean", connections: { atStart: COUNT + 1, unfinished: 0 } });
  expect(report.requests).toMatchObject({ finished: 1, cut: 0 });
  expect(report.phases).toMatchObject({
    hold: { endedBy: "quiet" },
    drain: { endedBy: "done" },
    farewell: { endedBy: "done" },
  });
  // Each turn ends 200 of them; all at once would take longer than this on any machine that is as slow as this allows for.
  expect(delay.max / 1e6).toBeLessThan(1000);
  await gone;
  await close();
}, 60_000);
