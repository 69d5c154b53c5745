import type { Server } from "node:http";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { DRAIN_MS, GRACE_MS, HOLD_MS, type Wait } from "../contenders.js";

/** Lets a server leave by this library. */
export async function leaveOurWay(server: Server, wait: Wait): Promise<void> {
  const { drainable } = await import("@onceover/node");
  const once = createOnceover({ service: "bench", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });
  const limits = wait === "ample" ? {} : { budgetMs: GRACE_MS, drainMs: DRAIN_MS };
  drainable(server, once, { plan: { ...limits, holdMs: HOLD_MS[wait] } });
}
