import { describeDrain } from "@onceover/conformance";
import { vi } from "vitest";
import { openHono } from "./open-hono.js";

// The server under it prints each answer that is cut off.
vi.spyOn(console, "error").mockImplementation(() => {});

describeDrain("hono", { open: openHono });
