import { expect, test } from "vitest";

/** Sends the example's one request: JSON, with these headers beside its media type. */
export type Send = (headers: Readonly<Record<string, string>>, body: object) => Promise<Response>;

export const ALPACA = { Authorization: "Bearer alpaca" };
const BISON = { Authorization: "Bearer bison" };

/** What a client of each example finds. */
export function testAsClient(send: Send, status: number, body: object, otherBody: object): void {
  test("a request sent again with its key is answered with the first answer", async () => {
    const headers = { ...ALPACA, "Idempotency-Key": "again" };
    const [first, again] = [await send(headers, body), await send(headers, body)];
    expect([first.status, again.status]).toEqual([status, status]);
    expect([first, again].map((answer) => answer.headers.get("Idempotency-Replayed"))).toEqual([null, "true"]);
    expect(await again.text()).toBe(await first.text());
  });

  test("requests sent at the same time with one key are one", async () => {
    const headers = { ...ALPACA, "Idempotency-Key": "at-once" };
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(headers, body)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([status]));
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
  });

  test("another caller's request with the same key is another one", async () => {
    const mine = await send({ ...ALPACA, "Idempotency-Key": "shared" }, body);
    const theirs = await send({ ...BISON, "Idempotency-Key": "shared" }, body);
    expect([mine.status, theirs.status]).toEqual([status, status]);
    expect([mine, theirs].map((answer) => answer.headers.get("Idempotency-Replayed"))).toEqual([null, null]);
    await Promise.all([mine.text(), theirs.text()]);
  });

  test("a key that was used for another payload is refused, and its answer stays", async () => {
    const headers = { ...ALPACA, "Idempotency-Key": "used" };
    const first = await (await send(headers, body)).text();
    const refused = await send(headers, otherBody);
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({ code: "key-reused", executed: false });
    expect(await (await send(headers, body)).text()).toBe(first);
  });

  test.each([
    ["without a key", ALPACA, 400, "key-missing"],
    ["of nobody", { "Idempotency-Key": "nobody" }, 403, "scope-missing"],
  ] as const)("a request %s is refused", async (_what, headers, refusal, code) => {
    const refused = await send(headers, body);
    expect(refused.status).toBe(refusal);
    expect(await refused.json()).toMatchObject({ code, executed: false });
  });
}

/** Posts JSON to a server. `url` is asked for at each request: the server starts after the tests are declared. */
export function postTo(url: () => string): Send {
  return (headers, body) =>
    fetch(url(), {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
}
