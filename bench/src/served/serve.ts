import type { ContenderName, Tally } from "../protocol.js";

/** Starts one contender on a free port of 127.0.0.1, and settles with the port; all frameworks have the same routes. */
export type Serve = (contender: ContenderName, redisUrl: string, tally: Tally) => Promise<number>;
