import { createServer } from "node:http";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { describe, expect, it } from "vitest";
import { type DrainOptions, drainable } from "../src/index.js";

const once = createOnceover({ service: "left", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });

/** As an application without types would say it. */
function given(options: object): void {
  drainable(createServer(), once, { signals: [], ...options } satisfies DrainOptions as DrainOptions);
}

describe("drainable refuses", () => {
  it.each<readonly [object, string]>([
    [{ plans: {} }, "drainable has no option plans; it has onHold"],
    [{ onHold: "log" }, "onHold must be a function, got log"],
    [{ onClosed: 1 }, "onClosed must be a function, got 1"],
    [{ isEndless: "/news" }, "isEndless must be a function, got /news"],
    [{ retryMs: 0 }, "retryMs must be a positive whole number of milliseconds below 2^31, got 0"],
    [{ keyHeaders: "X-Key" }, "keyHeaders must be a list of header names, got X-Key"],
    [{ signals: "SIGTERM" }, "signals must be a list of names of signals, got SIGTERM"],
    [{ exit: "yes" }, "exit must be true or false, got yes"],
    [{ announced: {} }, "announced must be what once.pins.announce() gave"],
    [{ plan: { holdMs: -1 } }, "holdMs must be a whole number of milliseconds from 1 to 2147483647, got -1"],
    [{ plan: { sleepMs: 1 } }, "planDrain has no option sleepMs"],
    [{ endpoints: { health: "/h" } }, "endpoints has no option health; it has readiness"],
    [{ endpoints: { readiness: "readyz" } }, 'readiness must be a path that begins with "/", got readyz'],
    [{ endpoints: { token: "short" } }, "token must be a text of at least 16 characters, got 5"],
  ])("%j, and says why", (options, message) => {
    expect(() => given(options)).toThrow(TypeError);
    expect(() => given(options)).toThrow(message);
  });

  it("what is no server, and what is no instance", () => {
    expect(() => drainable({} as never, once)).toThrow("server must be one of node:http, https or http2");
    expect(() => drainable(createServer(), {} as never)).toThrow("once must be made by createOnceover()");
  });

  it("a server that it was given already", () => {
    const server = createServer();
    drainable(server, once, { signals: [] });
    expect(() => drainable(server, once, { signals: [] })).toThrow("server was given to drainable() already");
  });

  it("to show a token that is too short", () => {
    expect(() => given({ endpoints: { token: "hunter2" } })).not.toThrow("hunter2");
  });
});
