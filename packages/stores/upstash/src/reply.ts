import { notBytes } from "@onceover/redis/scripts";
import { bytesOf } from "./as-text.js";

/** The bytes that a script answered, or an error where the client gives something that no script of ours answers. */
export function bytesOfReply(reply: unknown): Uint8Array {
  const bytes = typeof reply === "string" ? bytesOf(reply) : undefined;
  if (bytes === undefined) throw notBytes(reply);
  return bytes;
}
