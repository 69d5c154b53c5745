import { describeAdapter } from "@onceover/conformance";
import { lmdbOpener, redisOpener } from "@onceover/test/store-openers";
import { afterAll } from "vitest";
import { nodeForward } from "../src/forward.js";
import { CAPABILITIES, startNode } from "./start-node.js";

const suite = { start: startNode, forwarding: { forwarder: () => nodeForward() }, capabilities: CAPABILITIES };
const [lmdb, redis] = [lmdbOpener(), redisOpener()];
afterAll(() => Promise.all([lmdb.end(), redis.end()]));

describeAdapter("node:http over memory", suite);
describeAdapter("node:http over LMDB", { ...suite, openStore: lmdb.openStore, pins: false });
describeAdapter("node:http over Redis", { ...suite, openStore: redis.openStore, pins: false });
