/** How long a run whose client has gone may take to answer, in milliseconds. It is cut off after that. */
const LONGEST_DETACHED_MS = 15 * 60_000;

/** Calls `giveUp` when a client that goes now has been gone for too long, unless the returned function is called first. */
export function detach(giveUp: () => void): () => void {
  const deadline = setTimeout(giveUp, LONGEST_DETACHED_MS);
  unref(deadline);
  return () => clearTimeout(deadline);
}

/** The same for a client that `clientGone` says has gone, now or later. */
export function detachOn(clientGone: AbortSignal | undefined, giveUp: () => void): () => void {
  let stop = () => {};
  const gone = () => {
    stop = detach(giveUp);
  };
  if (clientGone?.aborted === true) gone();
  else clientGone?.addEventListener("abort", gone);
  return () => {
    clientGone?.removeEventListener("abort", gone);
    stop();
  };
}

/** Node keeps a process alive for its timers, unless told not to. */
function unref(timer: unknown): void {
  if (typeof timer === "object" && timer !== null && "unref" in timer && typeof timer.unref === "function") {
    timer.unref();
  }
}
