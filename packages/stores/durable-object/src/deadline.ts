import { late, storeError } from "./errors.js";

/**
 * Settles as `work` does, or rejects as store-unavailable at `endMs`; what comes later is dropped. Answers that arrived
 * while the event loop was held up are read before the deadline strikes: hence the second timer.
 */
export function withDeadline<T>(endMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const strike = () => {
      timer = setTimeout(() => reject(late()), 0);
    };
    let timer = setTimeout(strike, Math.max(0, endMs - performance.now()));
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(storeError(error));
      },
    );
  });
}
