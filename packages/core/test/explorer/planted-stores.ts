/** Stores with one planted bug each. Every one of them has been shipped by somebody. */

import { CONTRACT, claim, live, look, ok, own, type StoreRules } from "./sim-store.js";

/** The bugs by name. */
export const PLANTED_STORES: Readonly<Record<string, StoreRules>> = {
  "completes for anybody: no owner token": {
    ...CONTRACT,
    complete: (found, _token, record, retentionMs, at) =>
      CONTRACT.complete(found, found?.token ?? _token, record, retentionMs, at),
  },
  "completes blindly after a take-over": {
    ...CONTRACT,
    complete(found, token, record, retentionMs, { storeMs }) {
      if (found === undefined) return ok(found);
      return ok({ ...found, state: "done", token, record, expiresMs: storeMs + retentionMs });
    },
  },
  "deletes on abandon, whoever owns the record": { ...CONTRACT, abandon: () => ok(undefined) },
  "takes the lease for the record's time to live": {
    ...CONTRACT,
    acquire(found, request, at) {
      const lapsed = found?.state === "running" && found.leaseEndsMs <= at.storeMs;
      return CONTRACT.acquire(lapsed ? undefined : found, request, at);
    },
  },
  "measures leases by the caller's clock": {
    ...CONTRACT,
    acquire: (found, request, at) => CONTRACT.acquire(found, request, { ...at, storeMs: at.callerMs }),
    renew: (found, token, leaseMs, at) => CONTRACT.renew(found, token, leaseMs, { ...at, storeMs: at.callerMs }),
  },
  "takes over without compare-and-set": {
    ...CONTRACT,
    acquire(stored, request, at) {
      const found = live(stored, at.storeMs);
      if (found?.state !== "running" || request.takeOver === undefined) return CONTRACT.acquire(found, request, at);
      if (found.token === request.token) return own(found, request, at.storeMs);
      if (found.fingerprint !== request.fingerprint) return { answer: look(found, at.storeMs), after: found };
      return claim(found, request, at.storeMs);
    },
  },
  "forgets what is done": {
    ...CONTRACT,
    complete(found, token, record, retentionMs, at) {
      const { answer } = CONTRACT.complete(found, token, record, retentionMs, at);
      return answer === "ok" ? ok(undefined) : { answer, after: found };
    },
  },
};
