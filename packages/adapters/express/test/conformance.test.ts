import { describeAdapter } from "@onceover/conformance";
import { lmdbOpener, redisOpener } from "@onceover/test/store-openers";
import { afterAll } from "vitest";
import { startExpress } from "./start-express.js";

const suite = { start: startExpress, capabilities: { bodyParser: true, sendFile: true, nodeResponse: true } };
const [lmdb, redis] = [lmdbOpener(), redisOpener()];
afterAll(() => Promise.all([lmdb.end(), redis.end()]));

describeAdapter("express over memory", suite);
describeAdapter("express over LMDB", { ...suite, openStore: lmdb.openStore });
describeAdapter("express over Redis", { ...suite, openStore: redis.openStore });
