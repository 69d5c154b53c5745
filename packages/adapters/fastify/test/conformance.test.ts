import { describeAdapter } from "@onceover/conformance";
import { nodeForward } from "@onceover/node/forward";
import { lmdbOpener, redisOpener } from "@onceover/test/store-openers";
import { afterAll } from "vitest";
import { startFastify, startFastifyHttp2 } from "./start-fastify.js";

const capabilities = { bodyParser: true, sendFile: true, nodeResponse: true };
const forwarding = { forwarder: () => nodeForward() };
const suite = { start: startFastify, forwarding, capabilities };
const [lmdb, redis] = [lmdbOpener(), redisOpener()];
afterAll(() => Promise.all([lmdb.end(), redis.end()]));

describeAdapter("fastify over memory", suite);
describeAdapter("fastify over LMDB", { ...suite, openStore: lmdb.openStore, pins: false });
describeAdapter("fastify over Redis", { ...suite, openStore: redis.openStore, pins: false });
describeAdapter("fastify on HTTP/2 over memory", {
  start: startFastifyHttp2,
  forwarding: { ...forwarding, startTarget: startFastify },
  capabilities,
  protocol: "h2",
});
