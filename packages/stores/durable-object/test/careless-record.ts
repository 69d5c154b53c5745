/** An object as it must not be: it awaits something that is not its storage, between the look and the write. */

import { DurableObject } from "cloudflare:workers";
import type { AcquireRequest } from "@onceover/core";
import type { AcquireReply, JoinReply } from "../src/replies.js";
import { acquireStep } from "../src/transitions.js";
import { join, openParts } from "../src/verbs.js";

export class OnceoverRecord extends DurableObject {
  join(shards: number): JoinReply {
    return join(openParts(this.ctx.storage), shards, Date.now());
  }

  async acquire(request: AcquireRequest): Promise<AcquireReply> {
    const { table } = openParts(this.ctx.storage);
    const seen = table.find(request.key);
    await new Promise((resolve) => setTimeout(resolve, 1));
    const nowMs = Date.now();
    const step = acquireStep(seen === "unreadable" ? undefined : seen, request, nowMs);
    if (step.step !== "own") return { found: step.step === "refuse" ? step.found : { outcome: "unreadable" }, nowMs };
    table.put(request.key, step.held);
    return { found: { outcome: "acquired", fence: step.held.fence, attempt: step.held.attempt }, nowMs };
  }
}
