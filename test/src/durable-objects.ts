import type { RecordNamespace } from "@onceover/durable-object";
import { decode, encode } from "./plain-data.js";

/** Durable Objects behind the bridge that `startDurableObjects` serves. */
export interface DurableObjects {
  /** For `durableObjectStore`: its stubs call the objects over HTTP. */
  readonly namespace: RecordNamespace;
  /** Every call that was made through this namespace: which object, which method. */
  readonly calls: { readonly object: string; readonly method: string }[];
  /** Calls any method of one object, those of the bridge's own class too. */
  call(object: string, method: string, ...args: readonly unknown[]): Promise<unknown>;
}

const METHODS = [
  "join",
  "acquire",
  "renew",
  "complete",
  "abandon",
  "read",
  "forget",
  "forgetScope",
  "unknowns",
] as const satisfies readonly (keyof ReturnType<RecordNamespace["get"]>)[];

/** Connects to a bridge, from any process; `prefix` stands before the name of each object, so that others are other objects. */
export function connectObjects(url: string, prefix = ""): DurableObjects {
  const calls: { object: string; method: string }[] = [];

  function stubOf(object: string): ReturnType<RecordNamespace["get"]> {
    const methods = METHODS.map((method) => [
      method,
      (...args: readonly unknown[]) => {
        calls.push({ object, method });
        return post(url, object, method, args);
      },
    ]);
    return Object.fromEntries(methods);
  }

  return {
    namespace: { idFromName: (name) => prefix + name, get: (id) => stubOf(String(id)) },
    calls,
    call: (object, method, ...args) => post(url, prefix + object, method, args),
  };
}

async function post(url: string, object: string, method: string, args: readonly unknown[]): Promise<unknown> {
  const response = await fetch(`${url}/${object}/${method}`, { method: "POST", body: encode(args) });
  const { result, error } = decode(await response.text()) as { readonly result?: unknown; readonly error?: object };
  if (error !== undefined) throw Object.assign(new Error("the object failed"), error);
  return result;
}
