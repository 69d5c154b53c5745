import type { AcquireRequest, OwnerToken, ScopeDigest, StoreKey } from "@onceover/core";
import type {
  AcquireReply,
  JoinReply,
  ReadReply,
  RevisionReply,
  RevisionsReply,
  UnknownsReply,
  WriteReply,
} from "./replies.js";

/** What is used of a `DurableObjectNamespace<OnceoverRecord>`. */
export interface RecordNamespace {
  idFromName(name: string): unknown;
  get(id: unknown): RecordStub;
}

/** The methods of `OnceoverRecord`, called from another machine. */
export interface RecordStub {
  join(shards: number): Promise<JoinReply>;
  acquire(request: AcquireRequest, notAfterMs?: number): Promise<AcquireReply>;
  renew(key: StoreKey, token: OwnerToken, leaseMs: number): Promise<WriteReply>;
  complete(key: StoreKey, token: OwnerToken, record: Uint8Array, retentionMs: number): Promise<WriteReply>;
  abandon(key: StoreKey, token: OwnerToken): Promise<WriteReply>;
  read(key: StoreKey): Promise<ReadReply>;
  forget(key: StoreKey): Promise<"ok" | "none">;
  forgetScope(scope: ScopeDigest, most: number): Promise<number>;
  unknowns(after: string, most: number): Promise<UnknownsReply>;
  writeRevision(id: string, text: string, keepMs: number): Promise<RevisionReply>;
  countRevision(id: string, keepMs: number): Promise<RevisionReply>;
  listRevisions(): Promise<RevisionsReply>;
  removeRevision(id: string): Promise<"ok" | "none">;
}
