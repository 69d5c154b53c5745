/** Deletes up to a batch of expired records and answers how many there were. */
export type SweepBatch = (size: number) => Promise<number>;

const BATCH_RECORDS = 500;
const EVERY_MS = 30_000;

/**
 * Deletes expired records now and then, batch after batch while there are full ones, until the function that it answers
 * is called. It keeps no process alive. Several processes may sweep at once: each takes what no other is at.
 */
export function startSweeper(sweep: SweepBatch, everyMs = EVERY_MS): () => void {
  let isSweeping = false;
  let isOver = false;

  async function sweepAll(): Promise<void> {
    if (isSweeping) return;
    isSweeping = true;
    try {
      while (!isOver && (await sweep(BATCH_RECORDS)) === BATCH_RECORDS);
    } catch {
      // Whatever it was: expired records count as none all the same, and the next sweep meets them again.
    } finally {
      isSweeping = false;
    }
  }

  const timer = setInterval(sweepAll, everyMs).unref();
  return () => {
    isOver = true;
    clearInterval(timer);
  };
}
