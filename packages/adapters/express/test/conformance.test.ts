import { describeAdapter } from "@onceover/conformance";
import { nodeForward } from "@onceover/node/forward";
import { lmdbOpener, redisOpener } from "@onceover/test/store-openers";
import { afterAll } from "vitest";
import { startExpress, startExpress4 } from "./start-express.js";

const capabilities = { bodyParser: true, sendFile: true, nodeResponse: true };
const forwarding = { forwarder: () => nodeForward() };
const suite = { start: startExpress, forwarding, capabilities };
const [lmdb, redis] = [lmdbOpener(), redisOpener()];
afterAll(() => Promise.all([lmdb.end(), redis.end()]));

describeAdapter("express 5 over memory", suite);
describeAdapter("express 5 over LMDB", { ...suite, openStore: lmdb.openStore, pins: false });
describeAdapter("express 5 over Redis", { ...suite, openStore: redis.openStore, pins: false });
describeAdapter("express 4 over memory", { start: startExpress4, forwarding, capabilities });
