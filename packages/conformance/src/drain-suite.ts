import type { DrainReport, DrainState, DrainWishes } from "@onceover/core/drain";
import type { AdapterServer, AdapterSetup, Protocol } from "./adapter-suite.js";

/** What `describeDrain` is given. */
export interface DrainSuite {
  /** Starts a server on a free port of 127.0.0.1 whose routes are made idempotent by the adapter, and which can leave. */
  open(setup: DrainSetup): Promise<DrainServer>;
  /**
   * What the suite's client speaks: with `"h2"`, what only HTTP/1.1 has is left out (pipelining, half-sent heads, `Connection`),
   * and REFUSED_STREAM is wanted in place of 503 for what is refused at the door.
   * @default "http/1.1"
   */
  readonly protocol?: Protocol;
}

/** What a server has to serve, and how it leaves. */
export interface DrainSetup extends AdapterSetup {
  /** For whatever lets the server leave, such as `drainable(server, once, drain)`, as it is. */
  readonly drain: SuiteDrainOptions;
}

/** The options by which a server of the suite leaves. */
export interface SuiteDrainOptions {
  readonly plan: DrainWishes;
  /** In milliseconds. */
  readonly retryMs: number;
  /** None: the process that is told to end is the one that runs the tests. */
  readonly signals: readonly [];
  isEndless(request: { readonly url?: string | undefined }): boolean;
}

/** A server that can leave. */
export interface DrainServer extends AdapterServer {
  readonly drain: DrainHandle;
}

/** What takes a server out of service. Its endpoints are where they are by default. */
export interface DrainHandle {
  readonly state: DrainState;
  /** Begins, once, and resolves with the report when all is over. */
  start(): Promise<DrainReport>;
}
