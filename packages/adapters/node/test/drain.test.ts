import { createServer } from "node:http";
import { connect } from "node:net";
import { type DrainHandle, type DrainSuite, describeDrain } from "@onceover/conformance";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import type { DrainReport } from "@onceover/core/drain";
import { faultsOf } from "@onceover/test/drain-report-schema";
import { listen } from "@onceover/test/listen";
import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";
import { drainable } from "../src/index.js";
import { openHttp2, openHttp2Tls, openHttps, openNode } from "./start-node.js";

describeDrain("node:http", { open: checked(openNode) });
describeDrain("node:https", { open: openHttps });
describeDrain("node:http2", { open: checked(openHttp2), protocol: "h2" });
describeDrain("node:http2 with TLS", { open: openHttp2Tls, protocol: "h2" });
describeDrain("node:http2 with a client of HTTP/1.1", { open: openHttp2Tls });

/** The same servers, whose every report must be as the published schema has it. */
function checked(open: DrainSuite["open"]): DrainSuite["open"] {
  return async (setup) => {
    const server = await open(setup);
    const drain: DrainHandle = {
      get state() {
        return server.drain.state;
      },
      start: () => server.drain.start().then(faultless),
    };
    return { ...server, drain };
  };
}

function faultless(report: DrainReport): DrainReport {
  expect(faultsOf(report)).toEqual([]);
  return report;
}

const PLAN = {
  budgetMs: 10_000,
  holdMs: 100,
  quietMs: 40,
  drainMs: 6_000,
  farewellMs: 1_000,
  lingerMs: 40,
  spreadMs: 1,
};

describe.concurrent("drainable", () => {
  it("a hook may ask for the report, and is given the one that whoever began it gets", async () => {
    const asked: Promise<DrainReport>[] = [];
    const drain = drainable(createServer(), onceOf(), {
      plan: PLAN,
      signals: [],
      onHold: () => void asked.push(drain.start("again")),
    });
    const report = await drain.start("first");
    expect(await Promise.all(asked)).toEqual([report]);
    expect(report.reason).toBe("first");
  });

  it("a request that asks whether its body may come is refused at once, and its connection closed", async () => {
    const server = createServer((_request, response) => void waiting.push(() => response.end("slow")));
    const waiting: (() => unknown)[] = [];
    const told: string[] = [];
    server.on("checkContinue", () => void told.push("checkContinue"));
    const drain = drainable(server, onceOf(), { plan: PLAN, signals: [] });
    const { url, close } = await listen(server);
    const slow = fetch(url);
    await until("it is at work", () => waiting.length === 1);
    const leaving = drain.start();
    await until("the drain has begun", () => drain.state === "drain");
    const received = await untilClosed(
      url,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    expect(received).toMatch(/^HTTP\/1\.1 503 /);
    expect(received).toMatch(/\r\nConnection: close\r\n/i);
    expect(told).toEqual([]);
    waiting[0]?.();
    expect(await (await slow).text()).toBe("slow");
    expect((await leaving).requests).toMatchObject({ refused: 1, finished: 1 });
    await close();
  });
});

function onceOf() {
  return createOnceover({ service: "s", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
}

/** What comes back for this text until the server closes the connection. */
function untilClosed(url: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text));
    socket.on("data", (chunk) => {
      received += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(received));
  });
}
