/** What is sent and answered: about one KiB of JSON each way, of the shape a payment service has. */

const LINES = ["membership, November", "shipping, tracked parcel", "gift wrapping, two sheets", "donation, rounded up"];

/** The body of one payment; `reference` makes it different from every other. */
export function paymentBody(reference: string): string {
  return JSON.stringify({
    reference,
    amount: { currency: "EUR", minorUnits: 12_990 },
    payer: { id: "cus_51NzQ2", email: "someone.with.a.name@mail.example", name: "Someone With A Name", country: "AT" },
    card: { token: "tok_1NzQ3hJ2eZvKYlo2C1x5w8bD", brand: "visa", last4: "4242", expires: "2029-11" },
    lines: LINES.map((text, at) => ({ id: `line_${at}`, text, quantity: at + 1, minorUnits: 1299, taxPercent: 20 })),
    metadata: { cart: "c_8f3b1d7e-52aa-4f6e-9c1b-aa2f4d0e6b11", campaign: "autumn", terms: "2026-09-01", gift: false },
    returnUrl: "https://shop.example/orders/8f3b1d7e-52aa-4f6e-9c1b-aa2f4d0e6b11/thanks?step=done",
  });
}

/** The answer to a payment. */
export function receipt({ reference }: { readonly reference: unknown }): object {
  return {
    id: `pay_${String(reference)}`,
    status: "succeeded",
    reference,
    amount: { currency: "EUR", minorUnits: 12_990, captured: 12_990, refunded: 0 },
    created: "2026-11-23T08:14:56.120Z",
    lines: LINES.map((text, at) => ({
      id: `line_${at}`,
      text,
      quantity: at + 1,
      minorUnits: 1299,
      status: "captured",
    })),
    card: { brand: "visa", last4: "4242", expires: "2029-11", checks: { cvc: "pass", address: "pass" } },
    risk: { level: "normal", score: 12, rules: ["velocity", "country-match", "known-device"] },
    links: {
      self: `/payments/pay_${String(reference)}`,
      refunds: `/payments/pay_${String(reference)}/refunds`,
      receipt: `https://shop.example/receipts/pay_${String(reference)}.pdf`,
    },
  };
}

/** How many distinct keys are replayed from the cache: well inside its bound. */
export const CACHED_KEYS = 200;

/** How long a slow payment takes, in milliseconds: long enough for all of a burst to arrive meanwhile. */
export const SLOW_MS = 5;
