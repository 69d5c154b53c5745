/** The verbs against the file: each looks at what was seen, decides, and writes on condition; `again` where somebody else wrote in between. */
import {
  type Acquired,
  type AcquireRequest,
  type DoneRecord,
  type Found,
  OnceoverError,
  type OwnerToken,
  type ScopeDigest,
  type StoreKey,
  type UnknownPage,
  type Written,
} from "@onceover/core";
import type { HeldRecord } from "./held-record.js";
import { ageOf, type RecordFile, type Seen } from "./record-file.js";
import type { Room } from "./room.js";
import { acquireStep, completeStep, foundRun, isLive, isUnknown, owned, type WriteStep } from "./transitions.js";

/** What the verbs work on. */
export interface VerbParts {
  readonly file: RecordFile;
  readonly room: Room;
  readonly nowMs: () => number;
  /** Told of each record that is new. */
  readonly added: () => void;
}

const PAGE_ITEMS = 100;
/** Records looked at for one page of unknowns: it bounds how long a call keeps the event loop. */
const PAGE_WALK = 1_000;
/** Records of a scope that are forgotten in one call: it bounds what one commit has to write. */
const PAGE_FORGOTTEN = 250;

/** Acquires; `isOver` says whether the caller has stopped waiting. */
export async function tryAcquire(
  parts: VerbParts,
  seen: Seen,
  request: AcquireRequest,
  isOver: () => boolean,
): Promise<Acquired | "again"> {
  const before = seen.held();
  const step = acquireStep(before, request, parts.nowMs());
  if (step.step === "refuse") return step.found;
  if (step.step === "replay") return replay(parts.file, request.key);
  if (step.run === "new" && !parts.room.forNewKey()) throw full("new keys are refused");
  const change = before?.state === "done" ? { held: step.held, answer: "drop" as const } : { held: step.held };
  const written = await parts.file.replace(request.key, seen, change);
  if (written === undefined) return "again";
  if (isOver() && step.run !== "same") {
    await takeBack(parts.file, request.key, written, step.run === "new" ? undefined : before);
  }
  if (step.run === "new") parts.added();
  return owned(step.held);
}

/** Writes what renew, complete or abandon decided. */
export async function tryWrite(
  { file }: VerbParts,
  seen: Seen,
  key: StoreKey,
  step: WriteStep,
  answer?: Uint8Array,
): Promise<Written | "again"> {
  if (step.held === undefined) return step.answer;
  const change = answer === undefined ? { held: step.held } : { held: step.held, answer };
  return (await file.replace(key, seen, change)) === undefined ? "again" : step.answer;
}

/** Completes, where there is room for the answer. */
export async function tryComplete(
  parts: VerbParts,
  seen: Seen,
  key: StoreKey,
  token: OwnerToken,
  record: Uint8Array,
  retentionMs: number,
): Promise<Written | "again"> {
  const step = completeStep(seen.held(), token, retentionMs, parts.nowMs());
  if (step.held !== undefined && !parts.room.forAnswer(record.length)) throw full("the record stays running");
  return tryWrite(parts, seen, key, step, record);
}

/** Reads without claiming. */
export function find({ file, nowMs }: VerbParts, seen: Seen, key: StoreKey): Found {
  const now = nowMs();
  const held = seen.held();
  if (!isLive(held, now) || held.state === "abandoned") return { outcome: "none" };
  return held.state === "done" ? replay(file, key) : foundRun(held, now);
}

/** Forgets, an unreadable record too: that is the way out of it. */
export async function tryForget(
  { file, nowMs }: VerbParts,
  seen: Seen,
  key: StoreKey,
): Promise<"ok" | "none" | "again"> {
  if (seen.version === undefined) return "none";
  const age = ageOf(seen, nowMs());
  if (!(await file.remove(key, seen))) return "again";
  return age === "expired" ? "none" : "ok";
}

/** One page of unknown outcomes; it may hold few items, or none, and still not be the last. */
export function unknownPage({ file, nowMs }: VerbParts, cursor: string): UnknownPage {
  const now = nowMs();
  const walked = file.walk(cursor, PAGE_WALK);
  const items: UnknownPage["items"][number][] = [];
  for (const { key, held } of walked) {
    const record = held();
    if (record !== undefined && isUnknown(record, now)) {
      const { fingerprint, fence, attempt, leaseEndsMs } = record;
      items.push({ key, fingerprint, fence, attempt, sinceMs: now - leaseEndsMs });
    }
    if (items.length === PAGE_ITEMS) return { items, cursor: key };
  }
  const last = walked.length === PAGE_WALK ? walked.at(-1) : undefined;
  return last === undefined ? { items } : { items, cursor: last.key };
}

/** The next records of a scope after the cursor, and where to go on; their keys follow one another in the file. */
export function scopePage(
  file: RecordFile,
  scope: ScopeDigest,
  cursor: string,
): { readonly keys: readonly StoreKey[]; readonly next?: StoreKey } {
  const walked = file.walk(cursor < scope ? scope : cursor, PAGE_FORGOTTEN).map(({ key }) => key);
  const keys = walked.filter((key) => key.startsWith(scope));
  const next = keys.length === PAGE_FORGOTTEN ? keys.at(-1) : undefined;
  return next === undefined ? { keys } : { keys, next };
}

/**
 * An acquire that took effect when nobody waited for it any more would leave a run that never began, and that everybody
 * would have to treat as unknown. Conditional as every write: had its caller asked again meanwhile, it stands.
 */
async function takeBack(file: RecordFile, key: StoreKey, written: Seen, before: HeldRecord | undefined): Promise<void> {
  if (before === undefined) await file.remove(key, written);
  else await file.replace(key, written, { held: before });
}

function replay(file: RecordFile, key: StoreKey): DoneRecord {
  const record = file.answer(key);
  if (record === undefined) throw new OnceoverError("record-unreadable", `record ${key} is done and has no answer`);
  return { outcome: "done", record };
}

function full(consequence: string): OnceoverError {
  return new OnceoverError("store-full", `the LMDB file is near maxBytes or its disk is nearly full: ${consequence}`);
}
