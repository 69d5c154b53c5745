import { statSync } from "node:fs";

/** Throws a TypeError unless `path` can be the path of a file. */
export function checkPath(path: string): void {
  if (typeof path !== "string" || path.trim() === "" || path.includes("\0")) {
    throw new TypeError(`path must be the path of a file, got ${JSON.stringify(path)}`);
  }
  if (path.endsWith("/") || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new TypeError(`path must be the path of a file, got the directory ${JSON.stringify(path)}`);
  }
}

/** Throws a TypeError unless a timer can take `timeoutMs`. */
export function checkTimeout(timeoutMs: number): void {
  // Node's timers hold 31 bits; a longer delay would fire at once.
  if (timeoutMs > 0 && timeoutMs <= 2 ** 31 - 1) return;
  throw new TypeError(`timeoutMs must be a positive number of milliseconds below 2^31, got ${String(timeoutMs)}`);
}

/** Throws a TypeError unless `nowMs` can be asked for the time. */
export function checkClock(nowMs: () => number): void {
  if (typeof nowMs !== "function") throw new TypeError(`nowMs must be a function, got ${String(nowMs)}`);
}
