import { describeAdapter } from "@onceover/conformance";
import { lmdbOpener, redisOpener } from "@onceover/test/store-openers";
import { afterAll, vi } from "vitest";
import { startFetch } from "./start-fetch.js";

// The server under it prints each answer that is cut off.
vi.spyOn(console, "error").mockImplementation(() => {});

const capabilities = { bodyParser: false, sendFile: false, nodeResponse: false, errorAnswers: false };
const suite = { start: startFetch, capabilities };
const [lmdb, redis] = [lmdbOpener(), redisOpener()];
afterAll(() => Promise.all([lmdb.end(), redis.end()]));

describeAdapter("fetch over memory", suite);
describeAdapter("fetch over LMDB", { ...suite, openStore: lmdb.openStore, pins: false });
describeAdapter("fetch over Redis", { ...suite, openStore: redis.openStore, pins: false });
