/**
 * What a store over another client of Redis needs to keep the very same records: the scripts, what they are given and
 * what they answer. Web APIs only.
 */
export { acquireArgs, whole } from "../arguments.js";
export { withDeadline } from "../deadline.js";
export { asUnavailable, failureOf, late, notBytes } from "../failure.js";
export { keysAmong, patternOf } from "../key-names.js";
export { REGISTRY_SCRIPTS, registryOver } from "../registry-over.js";
export { decodeAcquire, decodeForgotten, decodeFound, decodeProbe, decodeWritten } from "../reply.js";
export { type ServerClock, serverClock } from "../server-clock.js";
export { ABANDON } from "./abandon.js";
export { ACQUIRE } from "./acquire.js";
export { COMPLETE } from "./complete.js";
export { FORGET } from "./forget.js";
export { INSPECT } from "./inspect.js";
export { PROBE } from "./probe.js";
export { READ } from "./read.js";
export { RENEW } from "./renew.js";
