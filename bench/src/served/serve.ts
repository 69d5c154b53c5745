import type { ContenderName, FingerprintName, Tally } from "../protocol.js";

/** What a server is to be. */
export interface Serving {
  readonly contender: ContenderName;
  readonly redisUrl: string;
  readonly fingerprint: FingerprintName;
  readonly tally: Tally;
}

/**
 * Starts one contender on a free port of 127.0.0.1, and settles with the port; all frameworks have the same routes, and none
 * closes a connection that is idle.
 */
export type Serve = (serving: Serving) => Promise<number>;
