import { createServer, type ServerResponse } from "node:http";
import { connect as connectSession, createServer as createHttp2Server } from "node:http2";
import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";
import type { DrainOptions } from "../src/index.js";
import { PATIENT, stage } from "./drain-stage.js";

describe.concurrent("those who wait for the report", () => {
  it("get it when all else is over, hold nothing up, and may hang up", async () => {
    const requests: (() => void)[] = [];
    const { url, drain, close } = await stageEndpoints((response) => requests.push(() => response.end("slow")));
    const slow = fetch(`${url}/slow`);
    await until("it has come", () => requests.length > 0);
    const hangsUp = new AbortController();
    const impatient = fetch(`${url}/drain/wait`, { signal: hangsUp.signal }).catch(() => "hung up");
    const waiting = fetch(`${url}/drain/wait`);
    await until("nothing new is begun", () => drain.state === "drain");
    hangsUp.abort();
    expect(await impatient).toBe("hung up");
    requests[0]?.();
    expect(await (await slow).text()).toBe("slow");
    const told: unknown = await (await waiting).json();
    expect(told).toEqual(await drain.start());
    expect(told).toMatchObject({ reason: "endpoint", requests: { atStart: 1, served: 0, finished: 1, gone: 0 } });
    expect(told).toMatchObject({ phases: { farewell: { endedBy: "done" } }, verdict: "clean" });
    await close();
  });

  it("by HTTP/2 may be two on one session", async () => {
    const server = createHttp2Server((request, response) => drain.endpoints(request, response));
    const { url, drain, close } = await stage(server, { plan: PATIENT });
    const session = connectSession(url);
    const bodies = await Promise.all(
      [1, 2].map(async () => {
        let text = "";
        for await (const chunk of session.request({ ":path": "/drain/wait" })) text += chunk;
        return JSON.parse(text);
      }),
    );
    const report = await drain.start();
    expect(bodies).toEqual([report, report]);
    expect(report.phases.farewell.endedBy).toBe("done");
    await until("the session is over", () => session.destroyed);
    await close();
  });

  it("and those who start it are on this machine and speak for themselves, or have the token", async () => {
    const token = "a token of some length";
    const { url, drain, close } = await stageEndpoints(() => {}, { endpoints: { token } });
    const passedOn = { "x-forwarded-for": "192.0.2.1" };
    const status = async (path: string, init: RequestInit) => (await fetch(`${url}${path}`, init)).status;
    expect(await status("/drain/wait", { headers: passedOn })).toBe(403);
    expect(await status("/drain/start", { method: "POST", headers: passedOn })).toBe(403);
    expect(await status("/drain/start", { method: "GET" })).toBe(405);
    expect(drain.state).toBe("serving");
    const authorization = `Bearer ${token}`;
    expect(await status("/drain/start", { method: "POST", headers: { ...passedOn, authorization } })).toBe(202);
    expect(await status("/drain/start", { method: "POST" })).toBe(202);
    expect((await drain.start()).reason).toBe("endpoint");
    await close();
  });
});

async function stageEndpoints(listener: (response: ServerResponse) => void, options: DrainOptions = {}) {
  const server = createServer((request, response) => drain.endpoints(request, response, () => listener(response)));
  const staged = await stage(server, { plan: PATIENT, ...options });
  const { drain } = staged;
  return staged;
}
