import { describeAdapter } from "@onceover/conformance";
import { lmdbOpener, redisOpener } from "@onceover/test/store-openers";
import { afterAll, vi } from "vitest";
import { startHono } from "./start-hono.js";

// The server under it prints each answer that is cut off.
vi.spyOn(console, "error").mockImplementation(() => {});

const suite = { start: startHono, capabilities: { bodyParser: true, sendFile: false, nodeResponse: false } };
const [lmdb, redis] = [lmdbOpener(), redisOpener()];
afterAll(() => Promise.all([lmdb.end(), redis.end()]));

describeAdapter("hono over memory", suite);
describeAdapter("hono over LMDB", { ...suite, openStore: lmdb.openStore, pins: false });
describeAdapter("hono over Redis", { ...suite, openStore: redis.openStore, pins: false });
