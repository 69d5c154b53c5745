import { describeAdapter } from "@onceover/conformance";
import { vi } from "vitest";
import { startFetch } from "../../packages/adapters/fetch/test/start-fetch.js";
import { startHono } from "../../packages/adapters/hono/test/start-hono.js";

// Some servers print each answer that is cut off.
vi.spyOn(console, "error").mockImplementation(() => {});

const resourceCounts = !("Bun" in globalThis || "Deno" in globalThis);
const capabilities = { sendFile: false, nodeResponse: false, resourceCounts };

describeAdapter("fetch over memory", {
  start: startFetch,
  capabilities: { ...capabilities, bodyParser: false, errorAnswers: false },
});
describeAdapter("hono over memory", { start: startHono, capabilities: { ...capabilities, bodyParser: true } });
