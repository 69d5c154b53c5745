import { describeAdapter } from "@onceover/conformance";
import { Agent } from "undici";
import { afterAll } from "vitest";
import { nodeForward } from "../src/forward.js";
import { CAPABILITIES as capabilities, startHttp2, startHttp2Tls, startHttps, startNode } from "./start-node.js";

// The certificate of these servers nobody has signed.
const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
afterAll(() => dispatcher.close());

const overTls = { forwarder: () => nodeForward({ dispatcher }) };
const toHttp1 = { forwarder: () => nodeForward(), startTarget: startNode };
const h2 = { capabilities, protocol: "h2" } as const;

describeAdapter("node:https over memory", { start: startHttps, forwarding: overTls, capabilities });
describeAdapter("node:http2 over memory", { start: startHttp2, forwarding: toHttp1, ...h2 });
// What TLS adds is tried with HTTP/1.1, and what HTTP/2 adds without TLS: of pins that is all there is.
describeAdapter("node:http2 with TLS over memory", { start: startHttp2Tls, pins: false, ...h2 });
describeAdapter("node:http2 with a client of HTTP/1.1 over memory", {
  start: startHttp2Tls,
  pins: false,
  capabilities,
});
