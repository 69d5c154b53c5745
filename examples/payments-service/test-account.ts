/** Merchants of the example by their API key. */
export const MERCHANTS: ReadonlyMap<string, string> = new Map([
  ["sk_test_alpaca", "alpaca"],
  ["sk_test_bison", "bison"],
  ["sk_test_civet", "civet"],
]);

/** The secret that GitHub would share with the example. */
export const WEBHOOK_SECRET = "whsec_test";

/** The secret by which the example signs revision pins. */
export const PIN_SECRET: Uint8Array = new Uint8Array(32).fill(7);
