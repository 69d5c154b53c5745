import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { app } from "../express-payments.js";

let server: Server;
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server = app.listen(0, "127.0.0.1", () => resolve());
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/payments`;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

function pay(headers: Record<string, string>, amount = 5): Promise<Response> {
  const body = JSON.stringify({ amount });
  return fetch(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body });
}

const ALPACA = { Authorization: "Bearer alpaca" };

test("a payment sent again with its key is answered with the first answer", async () => {
  const headers = { ...ALPACA, "Idempotency-Key": "order-1" };
  const first = await pay(headers);
  const again = await pay(headers);
  expect([first.status, again.status]).toEqual([201, 201]);
  expect(again.headers.get("Idempotency-Replayed")).toBe("true");
  expect(await again.text()).toBe(await first.text());
});

test("payments sent at the same time with one key are one payment", async () => {
  const headers = { ...ALPACA, "Idempotency-Key": "order-2" };
  const answers = await Promise.all(Array.from({ length: 10 }, () => pay(headers)));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 201));
  const bodies = await Promise.all(answers.map((answer) => answer.text()));
  expect(new Set(bodies).size).toBe(1);
});

test("another caller's payment with the same key is another payment", async () => {
  const mine = await pay({ ...ALPACA, "Idempotency-Key": "order-3" });
  const theirs = await pay({ Authorization: "Bearer bison", "Idempotency-Key": "order-3" });
  expect(await theirs.text()).not.toBe(await mine.text());
});

test.each([
  ["without a key", ALPACA, 400, "key-missing"],
  ["of nobody", { "Idempotency-Key": "order-4" }, 403, "scope-missing"],
  ["with a key that was used for another payment", { ...ALPACA, "Idempotency-Key": "order-1" }, 422, "key-reused"],
] as const)("a payment %s is refused", async (_what, headers, status, code) => {
  const refused = await pay(headers, 6);
  expect(refused.status).toBe(status);
  expect(await refused.json()).toMatchObject({ code, executed: false });
});
