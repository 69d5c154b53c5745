/**
 * Puts something before a response's own methods, by way of its prototype: members added to every response by itself would
 * cost more than the rest of a run.
 */

import type { ServerResponse } from "node:http";

/** What receives the calls that a response gets. */
export interface Interceptor extends Record<(typeof METHODS)[number], (...given: never[]) => unknown> {
  /** Whether the response says of itself what it says when its head, or the whole of it, was sent. */
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
}

const METHODS = ["writeHead", "write", "end", "flushHeaders", "destroy", "emit"] as const;
const GETTERS = ["headersSent", "writableEnded", "writableFinished"] as const;

const INTERCEPTOR: unique symbol = Symbol("onceover.interceptor");

type Intercepted = ServerResponse & { [INTERCEPTOR]?: Interceptor };

/** Whether something stands before a response already. */
export function isIntercepted(response: Intercepted): boolean {
  return response[INTERCEPTOR] !== undefined;
}

/** Hands every call to `interceptor`: by the prototype, or, where the response has a method of its own, right there. */
export function standBefore(response: Intercepted, interceptor: Interceptor): void {
  for (const name of METHODS) {
    if (Object.hasOwn(response, name)) Object.assign(response, { [name]: interceptor[name].bind(interceptor) });
  }
  response[INTERCEPTOR] = interceptor;
  settleShape(response);
  Object.setPrototypeOf(response, interceptingPrototype(Object.getPrototypeOf(response)));
}

/**
 * Gives a response the fields that Node would add when it is sent, before its prototype changes: an object that gains a
 * field after that has a shape of its own, which the engine has seen nowhere, and each access to it is looked up anew. HTTP/2
 * keeps these fields elsewhere.
 */
function settleShape(response: ServerResponse): void {
  if (response.req.httpVersionMajor >= 2) return;
  const { statusCode, statusMessage } = response;
  Object.assign(response, { statusCode, statusMessage });
}

const PROTOTYPES = new WeakMap<object, object>();

/** One for each kind of response. */
function interceptingPrototype(prototype: object): object {
  const known = PROTOTYPES.get(prototype);
  if (known !== undefined) return known;
  const made: object = Object.create(prototype);
  for (const name of METHODS) Object.defineProperty(made, name, interceptedMethod(prototype, name));
  for (const name of GETTERS) Object.defineProperty(made, name, interceptedGetter(prototype, name));
  PROTOTYPES.set(prototype, made);
  return made;
}

function interceptedMethod(prototype: object, name: (typeof METHODS)[number]): PropertyDescriptor {
  return {
    configurable: true,
    writable: true,
    value(this: Intercepted, ...given: never[]) {
      const interceptor = this[INTERCEPTOR];
      return interceptor === undefined
        ? Reflect.apply(Reflect.get(prototype, name), this, given)
        : Reflect.apply(interceptor[name], interceptor, given);
    },
  };
}

function interceptedGetter(prototype: object, name: (typeof GETTERS)[number]): PropertyDescriptor {
  return {
    configurable: true,
    get(this: Intercepted) {
      return this[INTERCEPTOR]?.[name] || Reflect.get(prototype, name, this);
    },
  };
}
