import { late } from "./errors.js";

/** Settles as `work` does, or rejects as store-unavailable at `endMs` of the monotonic clock; what comes later is dropped. */
export function withinDeadline<T>(endMs: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // Answers that arrived while the event loop was held up are read before the deadline strikes.
    const strike = () => setImmediate(() => reject(late()));
    const timer = setTimeout(strike, Math.max(0, endMs - performance.now()));
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
