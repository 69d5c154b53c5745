/** The announcements in the file: reads of the latest committed state, and writes on condition. */
import { checkedVersion, newVersion, onCondition, openEntries, openEnvironment } from "./environment.js";
import { decodeRevision, encodeRevision, type RevisionEntry } from "./revision-entry.js";

/** What was found under an id: the entry, if any, and the version that a write must still find. */
export interface SeenRevision {
  readonly version?: number;
  readonly entry: RevisionEntry | "unreadable" | undefined;
}

/** The file as the registry uses it. */
export interface RevisionFile {
  /** Looks at the latest committed state, of whichever process. */
  look(service: string, id: string): SeenRevision;
  /** All entries of a service, in one state of the file. */
  walk(service: string): readonly (SeenRevision & { readonly id: string })[];
  /** Writes if the entry is still the one that was seen, and says whether it was. Resolves once it is on the disk. */
  replace(service: string, id: string, seen: SeenRevision, entry: RevisionEntry): Promise<boolean>;
  /** Removes the entry if it is still the one that was seen, and says whether it was. */
  remove(service: string, id: string, seen: SeenRevision): Promise<boolean>;
  close(): Promise<void>;
}

/** Between service and id, and what comes next after it: every character of an id is beyond both. */
const BETWEEN = " ";
const AFTER_BETWEEN = "!";

/** Opens the file, and makes it where there is none; records may be in it, too. Waits for the writer lock. */
export function openRevisionFile(path: string): RevisionFile {
  const root = openEnvironment(path);
  const entries = openEntries(root, "revisions");

  return {
    look(service, id) {
      entries.resetReadTxn();
      const found = entries.getEntry(keyOf(service, id));
      if (found === undefined) return { entry: undefined };
      return { version: checkedVersion(found.version), entry: decodeRevision(found.value) };
    },
    walk(service) {
      entries.resetReadTxn();
      const range = { start: service + BETWEEN, end: service + AFTER_BETWEEN, versions: true };
      return Array.from(entries.getRange(range), ({ key, value, version }) => ({
        id: key.slice(service.length + BETWEEN.length),
        version: checkedVersion(version),
        entry: decodeRevision(value),
      }));
    },
    replace(service, id, seen, entry) {
      const [key, bytes, version] = [keyOf(service, id), encodeRevision(entry), newVersion()];
      return onCondition(entries, key, seen.version, () => entries.put(key, bytes, version));
    },
    remove(service, id, seen) {
      const key = keyOf(service, id);
      return onCondition(entries, key, seen.version, () => entries.remove(key));
    },
    close: () => root.close(),
  };
}

function keyOf(service: string, id: string): string {
  return service + BETWEEN + id;
}
