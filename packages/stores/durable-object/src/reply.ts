import type { Acquired, Found, Written } from "@onceover/core";
import { full, unexpected, unreadable } from "./errors.js";
import type {
  AcquireReply,
  Full,
  Late,
  ReadReply,
  UnknownItem,
  UnknownsReply,
  Unreadable,
  WriteReply,
} from "./replies.js";

/** What an acquire found, or that nobody was thought to wait for it any more. */
export function acquiredOf(found: AcquireReply["found"]): Acquired | Late {
  return settled(found, ["acquired", "running", "unknown", "done", "late"]);
}

/** What a read found. */
export function foundOf(reply: ReadReply): Found {
  return settled(reply, ["none", "running", "unknown", "done"]);
}

/** Whether a write was this token's to write. */
export function writtenOf(reply: WriteReply): Written {
  return settled(reply, ["ok", "stale"]).outcome;
}

/** The unknown outcomes of a page. */
export function itemsOf(reply: UnknownsReply): readonly UnknownItem[] {
  return settled(reply, ["page"]).items;
}

/** Throws where nothing was done, and for an outcome that objects of another version may know. */
function settled<Reply extends { readonly outcome: string }, Outcome extends Reply["outcome"]>(
  reply: Reply,
  outcomes: readonly Outcome[],
): Extract<Reply, { readonly outcome: Outcome }> {
  const { outcome }: { readonly outcome?: unknown } = reply ?? {};
  if (outcome === ("unreadable" satisfies Unreadable["outcome"])) throw unreadable();
  if (outcome === ("full" satisfies Full["outcome"])) throw full();
  if (!outcomes.some((known) => known === outcome)) throw unexpected();
  return reply as Extract<Reply, { readonly outcome: Outcome }>;
}
