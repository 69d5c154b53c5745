import type { AcquireRequest, Fingerprint, OwnerToken, StoreKey } from "@onceover/core";

/** An acquire with a long lease and retention, unless told otherwise. */
export function asking(key: string, token: string, over: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    key: key as StoreKey,
    token: token as OwnerToken,
    fingerprint: "t1:request" as Fingerprint,
    leaseMs: 60_000,
    retentionMs: 86_400_000,
    ...over,
  };
}
