/** What pins ask of the revisions that stand side by side, so that who has none pays for none. */

import type { Answer } from "../answer.js";
import type { HeaderLine, RequestFacts } from "../facts.js";
import type { Refuse } from "../onceover.js";
import type { Announcing, PinGround, Pins } from "../pinned.js";
import type { AcceptedPins, Sought, Steered } from "../pins/decide-pins.js";
import type { MaybePromise } from "../platform.js";
import type { Forwarder, ForwardTarget } from "./forwarder.js";
import type { LiveInstance } from "./roster.js";
import type { FoundRevision } from "./seek.js";

/** Made by `revisions()`, given to `pins()`. */
export interface Revisions {
  /**
   * Puts an instance among the revisions of its service; once.
   * @throws {TypeError} where it is among them already, or its revision cannot be a registry's id.
   */
  attach(ground: PinGround, self: SelfPins): Router;
}

/** What an instance announces of its pins. */
export interface SelfPins {
  readonly writes: Pins;
  readonly accepts: AcceptedPins;
  /** What its backend had when that was last read. */
  live(): Pins;
}

/** Where the revision pins of a request lead. */
export interface Steer {
  readonly steered: Steered;
  /** The revision they name; absent where `steered` is `free`. */
  readonly revision?: string;
  /** Whether somebody has signed for it: only then the request's other pins need not be said once more. */
  readonly isSigned?: boolean;
  /** Whether the browser is to forget its cookie: it did not hold. */
  readonly dropsCookie?: boolean;
  /** Whether the request has a pin of this revision that will hold for a while. */
  readonly isPinned?: boolean;
}

/** How a request gets to another revision. */
export type Routed =
  | { readonly action: "forward"; readonly forwarder: Forwarder; readonly target: ForwardTarget }
  | { readonly action: "send"; readonly how: "redirect" | "misdirect"; readonly answer: Answer }
  | { readonly action: "refuse"; readonly code: "revision-unreachable" | "forward-loop" };

/** Steers requests among the revisions of a service. */
export interface Router {
  /** Fields of requests by which answers differ, beside the pins. */
  readonly varies: readonly string[];
  /** What is said of this release in every answer. */
  readonly lines: readonly HeaderLine[];
  /** The target of a request without what only steered it there. */
  plainTarget(target: string): string;
  /** Reads the revision pins of a request, before its other pins. Never rejects. */
  steer(facts: RequestFacts): MaybePromise<Steer>;
  /** Looks for a revision that has what is asked for. Never rejects. */
  seek(asked: Pins): MaybePromise<{ readonly sought: Sought; readonly found?: FoundRevision }>;
  /** Answers what is not begun here, once this revision was told to let itself be drained; `undefined` as long as it is serving. */
  readonly refuse: Refuse | undefined;
  /** Looks for a serving instance, other than this one, that has what is asked for. Never rejects. */
  seekServing(asked: Pins): MaybePromise<FoundRevision | undefined>;
  /** Sends a request to a revision: to one of these instances, or to any. */
  route(facts: RequestFacts, revision: string, instances?: readonly LiveInstance[]): Routed;
  /** Keeps requests from an address for a while, where there is another one: nothing listened there. */
  avoid(address: string): void;
  /** Tells the others at once what has changed, where they are told at all. Never rejects. */
  update(): Promise<void>;
  /** The lines by which an answer gives out, renews or takes back a revision pin; never for one that a shared cache may keep. */
  grant(steer: Steer, status: number, header: (name: string) => string | undefined): readonly HeaderLine[];
  /** Announces the instance where that is due and nothing else does, and has a token ready. Never rejects. */
  arrive(): MaybePromise<void>;
  announce(): Promise<Announcing>;
  revoke(revision: string): Promise<void>;
  setFloor(revision: string): Promise<void>;
  dismiss(revision: string): Promise<void>;
  drain(revision: string): Promise<void>;
  serve(revision: string): Promise<void>;
  sign(kind: "pin" | "override", revision: string, lifetimeMs: number): Promise<string>;
}
