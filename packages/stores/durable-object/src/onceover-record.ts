import { DurableObject } from "cloudflare:workers";
import type { AcquireRequest, OwnerToken, ScopeDigest, StoreKey } from "@onceover/core";
import type { ObjectState } from "./object-state.js";
import type {
  AcquireReply,
  JoinReply,
  ReadReply,
  RevisionReply,
  RevisionsReply,
  UnknownsReply,
  WriteReply,
} from "./replies.js";
import { oneMore, openRevisionTable, type RevisionTable } from "./revision-table.js";
import * as verbs from "./verbs.js";

/**
 * A Durable Object that keeps one share of the records of `durableObjectStore`, or the announcements of one service for
 * `durableObjectRegistry`. Export it from the Worker's main module and
 * list it under `new_sqlite_classes` of a migration; its methods are called by store and registry.
 */
export class OnceoverRecord extends DurableObject {
  #opened: verbs.VerbParts | undefined;
  #revisions: RevisionTable | undefined;

  /** Notes over how many objects records are spread. Asked of the first object only. */
  join(shards: number): JoinReply {
    if (!hasSql(this.ctx)) return { outcome: "no-sql" };
    return verbs.join(this.#parts(), shards, Date.now());
  }

  /** `Store.acquire`; claims nothing after `notAfterMs` by this object's clock. */
  acquire(request: AcquireRequest, notAfterMs?: number): AcquireReply {
    const nowMs = Date.now();
    return { found: verbs.acquire(this.#parts(), request, notAfterMs, nowMs), nowMs };
  }

  /** `Store.renew`. */
  renew(key: StoreKey, token: OwnerToken, leaseMs: number): WriteReply {
    return verbs.renew(this.#parts(), key, token, leaseMs, Date.now());
  }

  /** `Store.complete`. */
  complete(key: StoreKey, token: OwnerToken, record: Uint8Array, retentionMs: number): WriteReply {
    return verbs.complete(this.#parts(), key, token, record, retentionMs, Date.now());
  }

  /** `Store.abandon`. */
  abandon(key: StoreKey, token: OwnerToken): WriteReply {
    return verbs.abandon(this.#parts(), key, token, Date.now());
  }

  /** `Store.read`. */
  read(key: StoreKey): ReadReply {
    return verbs.read(this.#parts(), key, Date.now());
  }

  /** `Store.forget`, of an unreadable record too: that is the way out of it. */
  forget(key: StoreKey): "ok" | "none" {
    return this.#parts().table.remove(key, Date.now()) ? "ok" : "none";
  }

  /** Deletes up to `most` records of a scope, of whichever version, and answers how many there were. */
  forgetScope(scope: ScopeDigest, most: number): number {
    return this.#parts().table.removeScope(scope, most);
  }

  /** Lists up to `most` unknown outcomes after a key. */
  unknowns(after: string, most: number): UnknownsReply {
    return verbs.unknowns(this.#parts(), after, most, Date.now());
  }

  /** `RevisionRegistry.write`. */
  writeRevision(id: string, text: string, keepMs: number): RevisionReply {
    return this.#put(id, keepMs, () => text);
  }

  /** `RevisionRegistry.count`. */
  countRevision(id: string, keepMs: number): RevisionReply {
    return this.#put(id, keepMs, oneMore);
  }

  /** `RevisionRegistry.list`. */
  listRevisions(): RevisionsReply {
    const entries = this.#revisionTable().list(Date.now());
    return entries === "unreadable" ? { outcome: entries } : { outcome: "list", entries };
  }

  /** `RevisionRegistry.remove`. */
  removeRevision(id: string): "ok" | "none" {
    return this.#revisionTable().remove(id, Date.now());
  }

  /** The platform's call when the alarm rings: deletes expired records. */
  alarm(): void {
    this.#parts().retention.sweep(Date.now());
  }

  #put(id: string, keepMs: number, next: (before: string | undefined) => string): RevisionReply {
    const text = this.#revisionTable().put(id, keepMs, Date.now(), next);
    return text === "unreadable" ? { outcome: text } : { outcome: "put", text };
  }

  #revisionTable(): RevisionTable {
    this.#revisions ??= openRevisionTable(this.ctx.storage);
    return this.#revisions;
  }

  /** Opened by the first call and not by the constructor, so that `join` can say what is wrong. */
  #parts(): verbs.VerbParts {
    this.#opened ??= verbs.openParts(this.ctx.storage);
    return this.#opened;
  }
}

/** A class that was migrated by `new_classes` has none, for good; the platform says so by throwing. */
function hasSql({ storage }: ObjectState): boolean {
  try {
    storage.sql.exec("SELECT 1");
    return true;
  } catch {
    return false;
  }
}
