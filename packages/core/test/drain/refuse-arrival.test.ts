import { describe, expect, it } from "vitest";
import { drainingAnswer, reconnectAnswer } from "../../src/drain/answers.js";
import { refuseArrival, refuseArrivals } from "../../src/drain/refuse-arrival.js";

function refused(method: string, headers: Readonly<Record<string, string>>, retryMs = 1_500) {
  const header = (name: string) => Object.entries(headers).flatMap(([one, value]) => (one === name ? [value] : []));
  return refuseArrival({ method, header }, retryMs);
}

const STREAM = { accept: "text/event-stream" };

describe("refuseArrival", () => {
  it("tells an EventSource to come again, with the id it has, and never 503 or 204", () => {
    expect(refused("GET", STREAM)).toEqual(reconnectAnswer(1_500));
    expect(refused("GET", { ...STREAM, "last-event-id": "42" })).toEqual(reconnectAnswer(1_500, "42"));
  });

  it.each([
    ["a plain request", "GET", {}],
    ["a POST that accepts events", "POST", STREAM],
    ["an upgrade that accepts events", "GET", { ...STREAM, upgrade: "websocket" }],
  ])("refuses %s with 503 draining, and says when to come again in whole seconds", (_, method, headers) => {
    expect(refused(method, headers)).toEqual(drainingAnswer(2));
  });
});

describe("refuseArrivals", () => {
  const given = (method: string, headers: Readonly<Record<string, string>>) => {
    const header = (name: string) => Object.entries(headers).flatMap(([one, value]) => (one === name ? [value] : []));
    return refuseArrivals(1_500)({
      method,
      target: "/",
      header,
      body: () => ({ outcome: "consumed" }),
      request: undefined,
    });
  };

  it("answers what refuseArrival says", () => {
    expect(given("POST", {})).toEqual({ action: "answer", answer: drainingAnswer(2) });
  });

  it("lets a preflight pass: refused, the request it asks for would never come", () => {
    expect(given("OPTIONS", { "access-control-request-method": "POST" })).toEqual({ action: "pass" });
    expect(given("OPTIONS", {})).toMatchObject({ action: "answer" });
  });
});
