import { describeAdapter } from "@onceover/conformance";
import { CAPABILITIES as capabilities, startHttp2, startHttp2Tls, startHttps } from "./start-node.js";

describeAdapter("node:https over memory", { start: startHttps, capabilities });
describeAdapter("node:http2 over memory", { start: startHttp2, capabilities, protocol: "h2" });
describeAdapter("node:http2 with TLS over memory", { start: startHttp2Tls, capabilities, protocol: "h2" });
describeAdapter("node:http2 with a client of HTTP/1.1 over memory", { start: startHttp2Tls, capabilities });
