import { describeAdapter } from "@onceover/conformance";
import { startFastify } from "./start-fastify.js";

const capabilities = { bodyParser: true, sendFile: true, nodeResponse: true };

describeAdapter("fastify over memory", { start: startFastify, capabilities });
