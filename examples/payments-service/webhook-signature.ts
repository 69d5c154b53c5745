import { createHmac, timingSafeEqual } from "node:crypto";

/** The value of GitHub's `X-Hub-Signature-256`. */
export function signatureOf(secret: string, body: Uint8Array): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

/** Whether `signature` was made with the secret, for this body. */
export function isSigned(secret: string, body: Uint8Array, signature: string): boolean {
  const [expected, given] = [Buffer.from(signatureOf(secret, body)), Buffer.from(signature)];
  return expected.length === given.length && timingSafeEqual(expected, given);
}
