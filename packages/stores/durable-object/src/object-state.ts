/** What is used of the state that a Durable Object is given: https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/ */
export interface ObjectState {
  readonly storage: ObjectStorage;
}

/** The private storage of one object. Writes without an `await` between them are one transaction. */
export interface ObjectStorage {
  /** Throws where the class is not backed by SQLite. */
  readonly sql: ObjectSql;
  setAlarm(atMs: number): Promise<void>;
  /** Runs a function as one transaction, which is rolled back where it throws. */
  transactionSync<T>(run: () => T): T;
}

/** Synchronous SQL. */
export interface ObjectSql {
  exec(query: string, ...bindings: readonly SqlValue[]): { toArray(): SqlRow[] };
}

export type SqlValue = string | number | ArrayBuffer | ArrayBufferView | null;

/** Blobs come as buffers. */
export type SqlRow = Readonly<Record<string, string | number | ArrayBuffer | null>>;
