/** The table request × state → answer. Pure. */

import type { RequestFacts } from "../facts.js";
import { isPreflight } from "../pins/request-kind.js";
import { carriedPins } from "../revisions/revision-pin.js";
import type { DrainState } from "./machine.js";

/** What a request is to an instance that leaves. */
export type ArrivalKind =
  /** Asks how the instance does, or tells it to leave. */
  | "probe"
  /** Carries a revision pin; whether it holds is found out by the mount. */
  | "pinned"
  /** Carries a key; whether that has a record or a run is found out by the mount. */
  | "keyed"
  /** Asks whether a request of another origin may come; refused, that one never would, and it may be one of the two above. */
  | "preflight"
  /** Opens an event stream, or takes one up again. */
  | "stream"
  /** Opens or takes up again an event stream that has no end. */
  | "endless-stream"
  /** Wants to speak another protocol, such as WebSocket. */
  | "upgrade"
  /** Anything else, where there are revisions that its mount can send it to. */
  | "routable"
  /** Anything else. */
  | "new";

/**
 * What becomes of it. `ask`: the application gets it, and its mounts begin nothing new with it, unless it is pinned to this
 * revision. `reconnect`: an empty event stream that tells the client to come again, because 503 and 204 end an `EventSource` for good.
 */
export type Admission = "serve" | "ask" | "reconnect" | "refuse";

const SERVED: Readonly<Record<ArrivalKind, Admission>> = {
  probe: "serve",
  pinned: "serve",
  keyed: "serve",
  preflight: "serve",
  stream: "serve",
  "endless-stream": "serve",
  upgrade: "serve",
  routable: "serve",
  new: "serve",
};

/** Literal, because this is what is promised. */
export const ADMISSIONS: Readonly<Record<DrainState, Readonly<Record<ArrivalKind, Admission>>>> = {
  serving: SERVED,
  hold: SERVED,
  drain: {
    probe: "serve",
    pinned: "ask",
    keyed: "ask",
    preflight: "ask",
    stream: "reconnect",
    "endless-stream": "reconnect",
    upgrade: "refuse",
    routable: "ask",
    new: "refuse",
  },
  farewell: {
    probe: "serve",
    pinned: "refuse",
    keyed: "ask",
    preflight: "ask",
    stream: "reconnect",
    "endless-stream": "reconnect",
    upgrade: "refuse",
    routable: "ask",
    new: "refuse",
  },
  closed: {
    probe: "serve",
    pinned: "refuse",
    keyed: "refuse",
    preflight: "refuse",
    stream: "reconnect",
    "endless-stream": "reconnect",
    upgrade: "refuse",
    routable: "refuse",
    new: "refuse",
  },
};

/** What an arrival is judged by. */
export type ArrivalFacts = Pick<RequestFacts, "method" | "target" | "header">;

/** What is known of an arrival beside its facts. */
export interface ArrivalSigns {
  readonly isProbe: boolean;
  readonly isEndless: boolean;
  /** Whether the instance has revisions beside its own, and so pins that lead to one. */
  readonly hasRevisions: boolean;
  /** Names of the headers that carry keys, in lower case. @default ["idempotency-key"] */
  readonly keyHeaders?: readonly string[] | undefined;
}

const KEY_HEADERS: readonly string[] = ["idempotency-key"];

/** Tells what a request is. A pin outweighs everything but that a stream has no end: that one is to be taken up elsewhere. */
export function arrivalKind(facts: ArrivalFacts, signs: ArrivalSigns): ArrivalKind {
  if (signs.isProbe) return "probe";
  if (isPreflight(facts)) return "preflight";
  const isUpgrade = facts.header("upgrade").length > 0;
  const isStream = !isUpgrade && opensStream(facts);
  if (isStream && signs.isEndless) return "endless-stream";
  if (signs.hasRevisions && carriedPins(facts, true).length > 0) return "pinned";
  if (isUpgrade) return "upgrade";
  const { keyHeaders = KEY_HEADERS } = signs;
  if (keyHeaders.some((name) => facts.header(name).length > 0)) return "keyed";
  if (isStream) return "stream";
  return signs.hasRevisions ? "routable" : "new";
}

/** Only GET is asked for by an `EventSource`. */
function opensStream({ method, header }: ArrivalFacts): boolean {
  if (method !== "GET") return false;
  return header("last-event-id").length > 0 || header("accept").some((value) => /\btext\/event-stream\b/i.test(value));
}
