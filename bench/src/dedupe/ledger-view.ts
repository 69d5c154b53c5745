import { type LedgerLine, readLedger } from "../../../examples/payments-service/ledger.js";

/** The ledger as it grows. */
export interface LedgerView {
  /** All lines that were there at the last look. */
  readonly lines: readonly LedgerLine[];
  /** Looks again. */
  look(): void;
  /** Looks again, and counts the runs of a process that have begun and not taken their effect. */
  openRuns(pid: number): number;
  close(): void;
}

/** Opens a view of the ledger in a file. */
export function viewLedger(path: string): LedgerView {
  const file = readLedger(path);
  const lines: LedgerLine[] = [];
  const open = new Map<number, Set<string>>();

  function look(): void {
    for (const line of file.next()) {
      lines.push(line);
      if (line.line === "begin") (open.get(line.pid) ?? added(line.pid)).add(line.effectKey);
      else for (const runs of open.values()) runs.delete(line.effectKey);
    }
  }

  function added(pid: number): Set<string> {
    const runs = new Set<string>();
    open.set(pid, runs);
    return runs;
  }

  function openRuns(pid: number): number {
    look();
    return open.get(pid)?.size ?? 0;
  }

  return { lines, look, openRuns, close: file.close };
}
