import { describeAdapter } from "@onceover/conformance";
import { vi } from "vitest";
import { startHono } from "./start-hono.js";

// The server under it prints each answer that is cut off.
vi.spyOn(console, "error").mockImplementation(() => {});

describeAdapter("hono over memory", {
  start: startHono,
  capabilities: { bodyParser: true, sendFile: false, nodeResponse: false },
});
