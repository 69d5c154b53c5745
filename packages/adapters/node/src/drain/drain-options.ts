import type { Announcing } from "@onceover/core";
import type { Admission, ArrivalKind, DrainReport, DrainWishes, StreamReport } from "@onceover/core/drain";
import type { NodeRequest } from "../node-request.js";

/** Where the instance answers questions about itself; a path of `undefined` keeps its default. */
export interface DrainEndpoints {
  /** 200 while requests are to be sent here, 503 from the start of the drain on. @default "/readyz" */
  readonly readiness?: string | undefined;
  /** 200 as long as the process answers. @default "/livez" */
  readonly liveness?: string | undefined;
  /** `POST` starts the drain. Only for loopback, or with the token. @default "/drain/start" */
  readonly start?: string | undefined;
  /** `GET` starts the drain and is answered with its report when all but this is over. Only for loopback, or with the token. @default "/drain/wait" */
  readonly wait?: string | undefined;
  /** Lets whoever sends it as `Authorization: Bearer …` start the drain and wait for it, from anywhere. @default loopback alone */
  readonly token?: string | undefined;
}

/** A request that came when nothing new was to come any more. */
export interface LateArrival {
  readonly kind: ArrivalKind;
  readonly admission: Admission;
}

/** What is called on the way out. None of them holds the drain up; what one throws is told as a warning of the process, and in the report. */
export interface DrainHooks {
  /** The instance has begun to leave; everything is served still. For deregistering it where it can be found. */
  readonly onHold?: (() => unknown) | undefined;
  /** From now on nothing new begins. */
  readonly onDrain?: (() => unknown) | undefined;
  /** A request came after that. */
  readonly onLate?: ((arrival: LateArrival) => unknown) | undefined;
  /** A stream is over. */
  readonly onStreamEnd?: ((stream: StreamReport) => unknown) | undefined;
  /** What is endless is told goodbye; nobody else is there any more, or the time is over. */
  readonly onFarewell?: (() => unknown) | undefined;
  /** All is over. For closing what the handlers used; waited for, 2 s at the most. */
  readonly onClosed?: ((report: DrainReport) => unknown) | undefined;
}

/** Options of `drainable`. */
export interface DrainOptions extends DrainHooks {
  /**
   * What the drain may take, in milliseconds. What the platform is known to give less than is shortened, the hold first, and a
   * warning of the process says so at once.
   * @default what `planDrain(process.env)` makes of the platform: two minutes where it names none
   */
  readonly plan?: DrainWishes | undefined;
  /**
   * Which streams have no end of their own, such as a feed of news: they are handed off early, so that their clients take them
   * up at the next revision. All others run to their end. @default none
   */
  readonly isEndless?: ((request: NodeRequest) => boolean) | undefined;
  /** After how long a client that is sent away comes again, in milliseconds; up to twice that is said, so that not all come at once. @default 1000 */
  readonly retryMs?: number | undefined;
  /** The headers that carry keys, where mounts have others than the standard one. @default the standard one alone */
  readonly keyHeaders?: readonly string[] | undefined;
  /** The signals that start the drain; a second one changes nothing. @default the one that the platform sends: SIGTERM, on Fly SIGINT */
  readonly signals?: readonly NodeJS.Signals[] | undefined;
  /** Ends the process when all is over: for one that something else keeps alive. @default false */
  readonly exit?: boolean | undefined;
  readonly endpoints?: DrainEndpoints | undefined;
  /** What `once.pins.announce()` gave: the other revisions are told of each step. */
  readonly announced?: Announcing | undefined;
}
