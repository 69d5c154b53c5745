/** How old a run is when it begins to matter whether its client has gone, in milliseconds. */
const LOOK_AFTER_MS = 1000;

/**
 * `onAbort` for a signal that is asked for only after a while: platforms make it when they are asked, and to make it, and to
 * listen to it, costs as much as storing the record.
 */
export function onLateAbort(signal: () => AbortSignal | undefined, then: () => void): () => void {
  let deafen = () => {};
  const look = setTimeout(() => {
    deafen = onAbort(signal(), then);
  }, LOOK_AFTER_MS);
  return () => {
    clearTimeout(look);
    deafen();
  };
}

/** Calls `then` when a signal aborts, or has, unless the returned function is called first. */
export function onAbort(signal: AbortSignal | undefined, then: () => void): () => void {
  if (signal?.aborted === true) then();
  else signal?.addEventListener("abort", then, { once: true });
  return () => signal?.removeEventListener("abort", then);
}
