import type { Scenario } from "./scenario.js";
import {
  halfSentHeads,
  idleBurst,
  lastPost,
  newcomers,
  nobody,
  pipelined,
  preconnected,
  slowPosts,
} from "./scenarios/connections.js";
import { http2Session } from "./scenarios/http2.js";
import { balancerLate, balancerLater, balancerLaterThanWait, keepAlive } from "./scenarios/load.js";
import { eventStreams, webSockets } from "./scenarios/streams.js";

/** All rows, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  preconnected,
  slowPosts,
  eventStreams,
  webSockets,
  pipelined,
  halfSentHeads,
  http2Session,
  keepAlive,
  idleBurst,
  balancerLate,
  balancerLater,
  balancerLaterThanWait,
  newcomers,
  lastPost,
  nobody,
];
