import { OnceoverError } from "@onceover/core";
import type { PoolClient } from "pg";
import { endOfTransaction } from "./statement-guard.js";

/** What `query` may be called with, in one of pg's many ways. */
type QueryArguments = readonly [query?: unknown, valuesOrCallback?: unknown, callback?: unknown];

/** A query that sends itself, such as a cursor. */
interface Submittable {
  submit(connection: unknown): unknown;
  handleError(error: Error, connection: unknown): void;
}

/**
 * The client as a handler gets it. It does what the client does, but for three things: statements that would open or end
 * a transaction are refused, giving it back is left to us, and once `over` gives a reason every use fails with it: the
 * connection may be somebody else's by then.
 */
export function guardClient(client: PoolClient, over: () => OnceoverError | undefined): PoolClient {
  function query(...given: QueryArguments): unknown {
    const refused = over() ?? refusalOf(given[0]);
    return refused === undefined ? Reflect.apply(client.query, client, given) : refuse(client, given, refused);
  }

  const own: Readonly<Record<PropertyKey, unknown>> = {
    query,
    release: () => undefined,
    end: () => Promise.reject(misuse("end() would lose the transaction, which ends with the answer")),
  };

  /** Methods of the client are called on the client; what answers itself answers the guard. */
  function guarded(method: (...given: readonly unknown[]) => unknown) {
    return (...given: readonly unknown[]) => {
      const refused = over();
      if (refused !== undefined) throw refused;
      const result = Reflect.apply(method, client, given);
      return result === client ? guard : result;
    };
  }

  const guard: PoolClient = new Proxy(client, {
    get(_client, name) {
      if (Object.hasOwn(own, name)) return own[name];
      const value: unknown = Reflect.get(client, name);
      if (value === undefined) return undefined;
      const refused = over();
      if (refused !== undefined) throw refused;
      // What it is made by is asked for by libraries that look whether they were given a pool.
      return typeof value === "function" && name !== "constructor" ? guarded(value as () => unknown) : value;
    },
  });
  return guard;
}

function refusalOf(given: unknown): OnceoverError | undefined {
  const text: unknown = typeof given === "object" && given !== null ? Reflect.get(given, "text") : given;
  const found = typeof text === "string" ? endOfTransaction(text) : undefined;
  if (found === undefined) return undefined;
  return misuse(
    `once.tx refuses ${found}: its transaction commits with the answer, and rolls back where the handler throws; SAVEPOINT and ROLLBACK TO take back a part of it`,
  );
}

/** Fails a query the way it asked to be told. */
function refuse(client: PoolClient, [query, ...rest]: QueryArguments, error: OnceoverError): unknown {
  if (isSubmittable(query)) {
    queueMicrotask(() => query.handleError(error, client.connection));
    return query;
  }
  const inConfig: unknown = typeof query === "object" && query !== null ? Reflect.get(query, "callback") : undefined;
  const callback = [...rest, inConfig].find((each) => typeof each === "function");
  if (callback === undefined) return Promise.reject(error);
  queueMicrotask(() => Reflect.apply(callback, undefined, [error]));
  return undefined;
}

function isSubmittable(query: unknown): query is Submittable {
  return typeof query === "object" && query !== null && typeof Reflect.get(query, "submit") === "function";
}

function misuse(message: string): OnceoverError {
  return new OnceoverError("misuse", message);
}
