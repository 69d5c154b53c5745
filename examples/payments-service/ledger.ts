/**
 * The place where effects happen. One line of the file is one effect; nothing here refuses a second one, so that an
 * effect that happens twice can be seen.
 *
 * What it does offer is an answer to "may that run still take effect?". A run writes `begin` before its effect,
 * and whoever wants to know writes `closed`. The file has one order for all processes, so the first of the two decides:
 * a run that finds itself closed does nothing, ever. One that had begun can be judged when its process is gone.
 */

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { openLedgerFile } from "./ledger-file.js";

/** One run of one effect. */
export interface LedgerRun {
  /** Names the effect; the same in every run of an idempotency key. */
  readonly effectKey: string;
  /** Which of the key's runs it is. */
  readonly attempt: number;
}

/** What happened. */
export interface Effect {
  /** New with each effect: two answers that name the same one speak of the same effect. */
  readonly id: string;
  readonly kind: "payment" | "webhook";
  /** Who sent it, and the idempotency key it came with. */
  readonly scope: string;
  readonly key: string;
  readonly details: Readonly<Record<string, string | number>>;
}

/** What became of a run: its effect happened, it never will, or the process that began it still lives. */
export type Settled =
  | { readonly outcome: "happened"; readonly effect: Effect }
  | { readonly outcome: "never" }
  | { readonly outcome: "open" };

/** The ledger, as the service uses it. */
export interface Ledger {
  /** Makes the effect of a run happen, unless `settle` closed the run before. */
  take(run: LedgerRun, effect: Omit<Effect, "id">): Promise<Effect | "closed">;
  /** Finds out what became of a run, and closes it if it had not begun. */
  settle(run: LedgerRun): Settled;
  /** All effects so far, by whichever process, in the order in which they happened: the same for all. */
  happened(): readonly Effect[];
  close(): void;
}

/** One line of the ledger. */
export type LedgerLine =
  | (LedgerRun & { readonly line: "begin"; readonly pid: number })
  | (LedgerRun & { readonly line: "closed" })
  | (LedgerRun & { readonly line: "effect"; readonly effect: Effect });

/** Opens a ledger. `latencyMs`: how far away it pretends to be, each way. */
export function openLedger(path: string, { latencyMs = 0 }: { readonly latencyMs?: number } = {}): Ledger {
  const file = openLedgerFile(path);
  /** The first line about each run: `begin` or `closed`. */
  const firsts = new Map<string, LedgerLine>();
  const effects = new Map<string, Effect>();
  const inOrder: Effect[] = [];

  function catchUp(): void {
    for (const line of file.readNew() as LedgerLine[]) {
      if (line.line === "effect") {
        effects.set(line.effectKey, line.effect);
        inOrder.push(line.effect);
      } else if (!firsts.has(nameOf(line))) {
        firsts.set(nameOf(line), line);
      }
    }
  }

  /** Writes a line and answers which line about this run came first. */
  function contend(line: LedgerLine): LedgerLine {
    file.append(line);
    catchUp();
    return firsts.get(nameOf(line)) ?? line;
  }

  async function take({ effectKey, attempt }: LedgerRun, details: Omit<Effect, "id">): Promise<Effect | "closed"> {
    const run = { effectKey, attempt };
    if (contend({ line: "begin", ...run, pid: process.pid }).line === "closed") return "closed";
    await sleep(latencyMs);
    const effect = { id: randomUUID(), ...details };
    file.append({ line: "effect", ...run, effect } satisfies LedgerLine);
    await sleep(latencyMs);
    return effect;
  }

  function settle({ effectKey, attempt }: LedgerRun): Settled {
    const run = { effectKey, attempt };
    catchUp();
    // Asked before the file is read to its end: what a process that is gone has written is in the file.
    const begun = firsts.get(nameOf(run));
    const isGone = begun?.line === "begin" && !isAlive(begun.pid);
    const first = contend({ line: "closed", ...run });
    const effect = effects.get(effectKey);
    if (effect !== undefined) return { outcome: "happened", effect };
    return { outcome: first.line === "closed" || isGone ? "never" : "open" };
  }

  function happened(): readonly Effect[] {
    catchUp();
    return inOrder;
  }

  return { take, settle, happened, close: file.close };
}

/** Reads the lines of a ledger; each call answers those that are new since the last one. */
export function readLedger(path: string): { next(): LedgerLine[]; close(): void } {
  const file = openLedgerFile(path);
  return { next: () => file.readNew() as LedgerLine[], close: file.close };
}

/** Reads the effects of a ledger; each call answers those that are new since the last one. */
export function readEffects(path: string): { next(): Effect[]; close(): void } {
  const { next, close } = readLedger(path);
  return { next: () => next().flatMap((line) => (line.line === "effect" ? [line.effect] : [])), close };
}

function nameOf({ effectKey, attempt }: LedgerRun): string {
  return `${effectKey} ${attempt}`;
}

/** A process that is paused, or dead and not yet buried, counts as alive. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}
