import type { PinKey } from "../src/revisions/pin-key-ring.js";
import type { PinClaims, PinKeys, PinVerified } from "../src/revisions/pin-keys.js";

export const A: PinKey = { id: "a", secret: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" };
export const B: PinKey = { id: "2026-11_b", secret: new Uint8Array(40).fill(2) };
export const NOW_MS = 1_700_000_000_000;
export const CLAIMS: PinClaims = { kind: "pin", revision: "r42", epoch: 0, expiresAtMs: 1_800_000_000_000 };

/** `CLAIMS`, signed for `payments` by A. */
export const TOKEN =
  "rp1.a.AN84Sul8d60wAWJqqwHy6yoAAAAAAAAAAAAAAaMYXFAAcjQy.9kKT5T3j_fxuye0wZsAizCqmNw4ZmvYbAn9V2BlTkJs";

/** Why each token is refused; `"pin"` for one that is not. */
export async function judgements(keys: PinKeys, tokens: readonly string[]): Promise<readonly string[]> {
  const verified = await Promise.all(tokens.map((token) => keys.verify(token, NOW_MS)));
  return verified.map(judgement);
}

function judgement(verified: PinVerified): string {
  return verified.outcome === "refused" ? verified.why : verified.outcome;
}

export function base64url(bytes: Iterable<number>): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function bytesOf(text: string): Uint8Array {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
