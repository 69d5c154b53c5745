/** Calls `then` when a signal aborts, or has, unless the returned function is called first. */
export function onAbort(signal: AbortSignal | undefined, then: () => void): () => void {
  if (signal?.aborted === true) then();
  else signal?.addEventListener("abort", then, { once: true });
  return () => signal?.removeEventListener("abort", then);
}
