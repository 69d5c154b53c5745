/** The records of the file: reads of the latest committed state, and writes on condition. */
import { OnceoverError, type StoreKey } from "@onceover/core";
import { checkedVersion, newVersion, onCondition, openEntries, openEnvironment, settled } from "./environment.js";
import { decodeHeld, encodeHeld, type HeldRecord } from "./held-record.js";
import { isLive } from "./transitions.js";

/** What was found under a key: the record and the version that a write must still find. */
export interface Seen {
  readonly version?: number;
  /** Decoded on demand, since an unreadable record may still be removed; throws `record-unreadable`. */
  held(): HeldRecord | undefined;
}

/** A record to put in the place of the one that was seen. */
export interface Change {
  readonly held: HeldRecord;
  /** The recorded answer: bytes to write beside the record, or to drop what an expired record left. */
  readonly answer?: Uint8Array | "drop";
}

/** A record met on a walk through the file. */
export interface Walked extends Seen {
  readonly key: StoreKey;
}

/** The file as the verbs use it. */
export interface RecordFile {
  /** Looks at the latest committed state, of whichever process. */
  look(key: StoreKey): Seen;
  /** The recorded answer, in the same state of the file that `look` saw last; a copy. */
  answer(key: StoreKey): Uint8Array | undefined;
  /** Writes if the record is still the one that was seen, else gives `undefined`. Resolves once it is on the disk. */
  replace(key: StoreKey, seen: Seen, change: Change): Promise<Seen | undefined>;
  /** Removes record and answer if the record is still the one that was seen. */
  remove(key: StoreKey, seen: Seen): Promise<boolean>;
  /** Up to `limit` records in key order from just after `after`. */
  walk(after: string, limit: number): readonly Walked[];
  /** Bytes of the pages that records and answers are on; pages that are free again do not count. */
  usedBytes(): number;
  close(): Promise<void>;
}

/** Opens the file, and makes it where there is none. Waits for the writer lock. */
export function openRecordFile(path: string): RecordFile {
  const root = openEnvironment(path);
  const records = openEntries(root, "records");
  const answers = root.openDB<Buffer, string>({ name: "answers", encoding: "binary" });

  function look(key: StoreKey): Seen {
    records.resetReadTxn();
    const entry = records.getEntry(key);
    if (entry === undefined) return NOTHING;
    const { value, version } = entry;
    return { version: checkedVersion(version), held: () => decodeHeld(key, value) };
  }

  async function replace(key: StoreKey, seen: Seen, { held, answer }: Change): Promise<Seen | undefined> {
    const envelope = encodeHeld(held);
    const version = newVersion();
    const written = { version, held: () => held };
    if (answer === undefined && seen.version !== undefined) {
      return (await settled(records.put(key, envelope, version, seen.version))) ? written : undefined;
    }
    const done = await onCondition(records, key, seen.version, () => {
      records.put(key, envelope, version);
      // A copy: the write happens later, and the caller may use its bytes again when the deadline has passed.
      if (answer instanceof Uint8Array) answers.put(key, Buffer.from(answer));
      else if (answer === "drop") answers.remove(key);
    });
    return done ? written : undefined;
  }

  function remove(key: StoreKey, seen: Seen): Promise<boolean> {
    return onCondition(records, key, seen.version, () => {
      records.remove(key);
      answers.remove(key);
    });
  }

  function walk(after: string, limit: number): readonly Walked[] {
    records.resetReadTxn();
    const from = after === "" ? {} : { start: `${after}\u0000` };
    return Array.from(records.getRange({ ...from, limit, versions: true }), ({ key, value, version }) => ({
      key: key as StoreKey,
      version: checkedVersion(version),
      held: () => decodeHeld(key as StoreKey, value),
    }));
  }

  return {
    look,
    replace,
    remove,
    walk,
    answer: (key) => answers.getBinary(key),
    usedBytes: () => pageBytes(records.getStats()) + pageBytes(answers.getStats()),
    close: () => root.close(),
  };
}

/** Whether a record is within its retention; one that cannot be read is judged by nobody but `forget`. */
export function ageOf(seen: Seen, nowMs: number): "live" | "expired" | "unreadable" {
  try {
    return isLive(seen.held(), nowMs) ? "live" : "expired";
  } catch (error) {
    if (error instanceof OnceoverError && error.code === "record-unreadable") return "unreadable";
    throw error;
  }
}

const NOTHING: Seen = { held: () => undefined };

function pageBytes(stats: object): number {
  const of = stats as Readonly<Record<string, unknown>>;
  const pages = Number(of.treeBranchPageCount) + Number(of.treeLeafPageCount) + Number(of.overflowPages);
  return pages * Number(of.pageSize);
}
