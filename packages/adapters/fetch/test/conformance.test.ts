import { describeAdapter } from "@onceover/conformance";
import { vi } from "vitest";
import { startFetch } from "./start-fetch.js";

// The server under it prints each answer that is cut off.
vi.spyOn(console, "error").mockImplementation(() => {});

describeAdapter("fetch over memory", {
  start: startFetch,
  capabilities: { bodyParser: false, sendFile: false, nodeResponse: false },
});
