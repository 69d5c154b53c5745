import type { AcquireRequest } from "@onceover/core";

/** What the acquire script is given; `notAfter` is the server's time in milliseconds after which it claims nothing. */
export function acquireArgs(
  { token, fingerprint, leaseMs, retentionMs, takeOver }: AcquireRequest,
  notAfter: string,
): string[] {
  const wanted = takeOver === undefined ? "" : takeOver === true ? "any" : String(takeOver);
  return [token, fingerprint, whole(leaseMs), whole(retentionMs), wanted, notAfter];
}

/** Redis takes whole milliseconds only. */
export function whole(ms: number): string {
  return String(Math.ceil(ms));
}
