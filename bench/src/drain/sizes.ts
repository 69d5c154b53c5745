import type { Sizes } from "./scenario.js";

/** What the figures of the page are measured with. */
export const WHOLE: Sizes = {
  preconnected: 100,
  posts: 10,
  streams: 5,
  streamMs: 20_000,
  webSockets: 10,
  pipelines: 5,
  heads: 20,
  keepAlive: { clients: 50, requests: 5_000, leaveAfter: 1_000 },
  idle: 200,
  newcomers: 100,
  // 15,000 in the 3.2 s of the longer load.
  perSecond: 4_687.5,
  lateMs: [1_000, 3_000],
  lastPostMs: 6_000,
  soonMs: 300,
  isSmall: false,
};

/** Shows that the bench works, and that this library loses nothing of a little. */
export const QUICK: Sizes = {
  preconnected: 20,
  posts: 4,
  streams: 2,
  streamMs: 2_500,
  webSockets: 3,
  pipelines: 2,
  heads: 5,
  keepAlive: { clients: 5, requests: 300, leaveAfter: 100 },
  idle: 30,
  newcomers: 20,
  perSecond: 300,
  lateMs: [300, 900],
  lastPostMs: 2_400,
  // Not a matter of time: others use the machine, too.
  soonMs: 5_000,
  isSmall: true,
};
