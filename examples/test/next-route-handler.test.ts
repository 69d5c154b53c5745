import { expect, test } from "vitest";
import { POST } from "../next-route-handler.js";
import { ALPACA, testAsClient } from "./client.js";

/** Next gives a route handler the request, and the values of its path's parameters as a promise. */
function call(account: string, headers: Readonly<Record<string, string>>, body: object): Promise<Response> {
  const request = new Request(`http://localhost/accounts/${account}/payments`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return POST(request, { params: Promise.resolve({ account }) });
}

testAsClient((headers, body) => call("a-1", headers, body), 201, { amount: 5 }, { amount: 6 });

test("the path's parameters reach the handler", async () => {
  const answer = await call("a-2", { ...ALPACA, "Idempotency-Key": "params" }, { amount: 5 });
  expect(await answer.json()).toEqual({ payment: expect.any(String), account: "a-2", amount: 5 });
});

test("a key used for one path is refused on another", async () => {
  const headers = { ...ALPACA, "Idempotency-Key": "two-paths" };
  await call("a-3", headers, { amount: 5 });
  expect((await call("a-4", headers, { amount: 5 })).status).toBe(422);
});
