/** A promise, and the way to settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

/** A promise that is pending, or has settled already where its value is known. */
export function deferred<T>(settled?: T): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  if (settled !== undefined) resolve(settled);
  return { promise, resolve };
}
