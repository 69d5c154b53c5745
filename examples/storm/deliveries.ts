import { createRequire } from "node:module";
import { MERCHANTS, WEBHOOK_SECRET } from "../payments-service/test-account.js";
import { signatureOf } from "../payments-service/webhook-signature.js";
import type { Asking } from "./asking.js";
import type { Random } from "./random.js";

/** A request that stands for one effect, as it is sent each time. */
export interface Delivery {
  readonly scope: string;
  readonly key: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** What its client was built against. @default nothing that matters */
  readonly asks?: Asking;
}

/** Payments of several merchants, who use the same keys: whose key it is must count. */
export function payments(count: number, random: Random): Delivery[] {
  const merchants = [...MERCHANTS];
  return Array.from({ length: count }, (_, index) => {
    const [apiKey, scope] = merchants[index % merchants.length] ?? ["", ""];
    const key = `order-${Math.floor(index / merchants.length) + 1}`;
    const payment = { amount: random.between(1, 99_999), currency: random.pick(["EUR", "USD", "JPY"]) };
    const headers = { Authorization: `Bearer ${apiKey}`, "Idempotency-Key": `"${key}"` };
    return delivery("/payments", scope, key, headers, Buffer.from(JSON.stringify(payment)));
  });
}

/** Real payloads of GitHub, over and over, each with a delivery id of its own. */
export function webhooks(count: number, random: Random): Delivery[] {
  const definitions: readonly { readonly name: string; readonly examples: readonly unknown[] }[] = createRequire(
    import.meta.url,
  )("@octokit/webhooks-examples");
  const payloads = definitions.flatMap(({ name, examples }) =>
    examples.map((payload) => ({ name, body: Buffer.from(JSON.stringify(payload)) })),
  );
  return Array.from({ length: count }, (_, index) => {
    const { name, body } = payloads[index % payloads.length] ?? { name: "", body: Buffer.alloc(0) };
    const key = random.uuid();
    const headers = {
      "X-GitHub-Event": name,
      "X-GitHub-Delivery": key,
      "X-Hub-Signature-256": signatureOf(WEBHOOK_SECRET, body),
    };
    return delivery("/webhooks", "github", key, headers, body);
  });
}

function delivery(
  path: string,
  scope: string,
  key: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Delivery {
  const lengths = { "Content-Type": "application/json", "Content-Length": String(body.length) };
  return { path, scope, key, headers: { ...headers, ...lengths }, body };
}
