import { late, storeError } from "./errors.js";

/** Settles as `work` does, or rejects as store-unavailable at `endMs` of the monotonic clock; what comes later is dropped. */
export function withinDeadline<T>(endMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), Math.max(0, endMs - performance.now()));
    const settle = (settled: () => void) => {
      clearTimeout(timer);
      settled();
    };
    work.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(storeError(error))),
    );
  });
}
