import { afterAll, beforeAll, expect, test } from "vitest";
import { app } from "../fastify-orders.js";
import { ALPACA, postTo, testAsClient } from "./client.js";

let url: string;
beforeAll(async () => {
  url = `${await app.listen({ port: 0, host: "127.0.0.1" })}/orders`;
});
afterAll(() => {
  app.server.closeAllConnections();
  return app.close();
});

testAsClient(
  postTo(() => url),
  201,
  { item: "lamp" },
  { item: "desk" },
);

test("an injected request and one from outside are the same request", async () => {
  const headers = { ...ALPACA, "idempotency-key": "injected", "content-type": "application/json" };
  const body = JSON.stringify({ item: "lamp" });
  const first = await app.inject({ method: "POST", url: "/orders", headers, body });
  const again = await fetch(url, { method: "POST", headers, body });
  expect([first.statusCode, await again.text()]).toEqual([201, first.body]);
  expect(again.headers.get("Idempotency-Replayed")).toBe("true");
});
