import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { startChild } from "@onceover/test/child";
import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";

const FIXTURE = fileURLToPath(new URL("fixtures/leaving-process.ts", import.meta.url));

/** Until it is stopped it has requests that keep it; the hold is over at its cap, and after `lingerMs` without anybody it would shut. */
const PLAN = { budgetMs: 20_000, holdMs: 300, quietMs: 300, drainMs: 5000, farewellMs: 5000, lingerMs: 150 };

/** The first line of the answer to a request on a connection of its own; `cut` where there is none. */
function ask(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", () => resolve("refused"));
    socket.on("close", () => resolve(text.split("\r\n", 1)[0] || "cut"));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  });
}

describe("a process that stood still for longer than it would have waited for anybody", () => {
  it("lets those in who came meanwhile, before it looks at its clock", async () => {
    const wishes = { plan: PLAN, standsStillMs: 4 * PLAN.lingerMs };
    const args = ["--conditions", "onceover-src", "--import", "tsx", FIXTURE, JSON.stringify(wishes)];
    const child = await startChild(process.execPath, args, { ready: /^listening .*$/m });
    const port = Number(/"port":(\d+)/.exec(child.output())?.[1]);
    process.kill(child.pid, "SIGTERM");
    const late: Promise<string>[] = [];
    await until("somebody came late, and it stands still", () => {
      late.push(ask(port, "/quick"));
      return /^still/m.test(child.output());
    });
    const waiting = Array.from({ length: 20 }, () => ask(port, "/quick"));
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["HTTP/1.1 503 Service Unavailable"]));
    await Promise.all(late);
    await child.ended;
    expect(child.output()).toMatch(/^closed .*"verdict":"clean"/m);
  });
});
