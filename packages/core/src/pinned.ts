/** What pins add to an instance, its mounts and its requests. The rules are in `pins/`, for those who import them. */

import type { HeaderLine } from "./facts.js";
import type { Onceover } from "./onceover.js";
import type { Platform } from "./platform.js";
import type { Shell } from "./shell.js";

/** A value of a pin: schema revisions are whole numbers, all others texts unless a schema makes them something else. */
export type PinValue = string | number | boolean;

/** What a caller was built against, or a backend has. Beside the three, a service may have pins of its own. */
export interface Pins {
  /** The revision of the data's schema: a whole number that only grows. */
  readonly schemaRev?: number | undefined;
  /** Names one build of an index. */
  readonly indexHash?: string | undefined;
  /** Names one model. */
  readonly modelTag?: string | undefined;
  readonly [name: string]: PinValue | undefined;
}

/** What a handler is told of the pins its request was judged by. */
export interface Pinned {
  /** What the request asked for; empty where it carried no pins. */
  readonly asked: Pins;
  /**
   * What the backend had when the request was let in: an application with several indexes takes the one that is named here. Empty
   * where the request asked for nothing, and that could not be read.
   */
  readonly live: Pins;
  /** The revision that is running. */
  readonly revision: string;
  /** `fetch`, with the pins that came in. */
  readonly fetch: PinnedFetch;
}

/** `fetch` that sends the pins on that the request came with; a header that `init` names itself is left as it is. */
export type PinnedFetch = (input: string | URL | Request, init?: PinnedFetchInit) => Promise<Response>;

/** What `fetch` is given, and: */
export interface PinnedFetchInit extends RequestInit {
  /**
   * Sends an `Idempotency-Key` of this step, the same in every run: `once.effectKey(step)`.
   * @throws {TypeError} where the request that is being handled has no key.
   */
  readonly step?: string | undefined;
}

/** What an adapter does for a request whose pins were judged. */
export interface PinnedExchange {
  /** For the handler. */
  readonly pinned: Pinned;
  /** Calls the handler, so that the instance's `fetch` knows whose pins to send. */
  enter<T>(handle: () => T): T;
  /**
   * The lines to set on an answer's head, in place of those it has; `Set-Cookie` is added to them. `header` gives what the answer
   * has under a name in lower case.
   */
  dress(status: number, header: (name: string) => string | undefined): readonly HeaderLine[];
  /** Does so to a `Response`; another one comes back where that one's head cannot be changed. */
  dressResponse(response: Response): Response;
  /** All of it, for adapters on `Request` and `Response`: `lend` gives the handler's request its member `pinned`. */
  serve(answer: (lend: <Given extends Request>(request: Given) => Given) => Promise<Response>): Promise<Response>;
}

/** What an instance with pins is made on. */
export interface PinGround extends Pick<Shell, "service" | "revision" | "emit"> {
  readonly platform: Platform;
}

/** What `createOnceover` is given as `pins`, made by `pins()` of `@onceover/core/pins`: puts the check before an instance's mounts. */
export type PinRules = <Request>(once: Onceover<Request>, ground: PinGround) => PinnedOnceover<Request>;

/** An instance that checks pins. */
export interface PinnedOnceover<Request = unknown> extends Onceover<Request> {
  /** `fetch` with the pins of the request that is being handled, where the runtime can tell which one that is; else without. */
  readonly fetch: PinnedFetch;
  /** What can be asked and told about pins and revisions. */
  readonly pins: PinControl;
}

/** How one mount treats pins, over what `pins()` was told. */
export interface MountPinOptions {
  /** Which pins a request must carry, documents excepted: all of the service's, none, or those named. @default what `pins()` was told */
  readonly required?: boolean | readonly string[] | undefined;
}

/** What can be asked and told about the pins of a running instance. */
export interface PinControl {
  /**
   * What the backend has; read where that is not known freshly enough.
   * @throws what the reader threw, where nothing fresh enough is known.
   */
  live(): Promise<Pins>;
  /** Reads anew what the backend has: call it when the application itself has changed it. Rejects as `live` does. */
  refresh(): Promise<Pins>;
  /**
   * Announces this instance to the other revisions, and keeps doing so until it is stopped.
   * @throws {OnceoverError} `misuse` without `revisions`; `store-unavailable` where the registry cannot be reached.
   */
  announce(): Promise<Announcing>;
  /**
   * Revokes every revision pin of a revision that was given out until now, in all instances within a heartbeat.
   * @throws {OnceoverError} `misuse` without `revisions`; `store-unavailable`.
   */
  revoke(revision: string): Promise<void>;
  /** Refuses pins of every revision that was first announced before this one. @throws {OnceoverError} as `revoke`. */
  setFloor(revision: string): Promise<void>;
  /** Says that a revision which fell silent is gone, so that nobody waits for it. @throws {OnceoverError} as `revoke`. */
  dismiss(revision: string): Promise<void>;
  /**
   * Tells all instances of a revision, those to come included, to let themselves be drained; they know within a heartbeat.
   * What is pinned to it, or has a record or a run, is served; anything else is sent to a revision that is serving, or refused
   * with 503 `draining`. It gives out no more revision pins. Holds for 30 days, or until `serve`. @throws {OnceoverError} as `revoke`.
   */
  drain(revision: string): Promise<void>;
  /** Takes `drain` back, as for a rollback to that revision. @throws {OnceoverError} as `revoke`. */
  serve(revision: string): Promise<void>;
  /**
   * Makes a signed token that steers a request to a revision, for `X-Release`, or for `Revision-Pin` where it is a `"pin"`.
   * @throws {OnceoverError} `misuse` without `revisions` that has `keys`.
   */
  sign(kind: "pin" | "override", revision: string, lifetimeMs: number): Promise<string>;
}

/** An instance that is announced. */
export interface Announcing {
  /** What does not fit between this revision and those that are live: the window of compatibility is broken. */
  readonly mismatches: readonly WindowMismatch[];
  /** Tells the others what becomes of this instance. Resolves when the registry knows. */
  become(state: "serving" | "draining" | "closed"): Promise<void>;
  /** Announces `closed` and stops. */
  stop(): Promise<void>;
}

/** A pin that one revision writes and another one, live beside it, does not accept. */
export interface WindowMismatch {
  /** A revision, or `backend` where it was read from there. */
  readonly writer: string;
  readonly reader: string;
  readonly pin: string;
  readonly writes: PinValue;
  readonly accepts: readonly PinValue[];
}
