import type { Delivery } from "../../examples/storm/deliveries.js";
import type { Random } from "../../examples/storm/random.js";

/** A text of each caller that is in all its requests and answers, and must be in nobody else's. */
export const MARKS: ReadonlyMap<string, string> = new Map([
  ["alpaca", "mark-of-alpaca"],
  ["bison", "mark-of-bison"],
  ["civet", "mark-of-civet"],
]);

/** Payments of several callers, who use the same keys: whose key it is must count. */
export function* payments(random: Random): Generator<Delivery, never> {
  for (let order = 1; ; order += 1) {
    for (const [scope, mark] of MARKS)
      yield payment(scope, `order-${order}`, { mark, amount: random.between(1, 99_999) });
  }
}

function payment(scope: string, key: string, content: object): Delivery {
  const body = Buffer.from(JSON.stringify(content));
  const headers = {
    "X-Caller": scope,
    "Idempotency-Key": `"${key}"`,
    "Content-Type": "application/json",
    "Content-Length": String(body.length),
  };
  return { path: "/payments", scope, key, headers, body };
}
