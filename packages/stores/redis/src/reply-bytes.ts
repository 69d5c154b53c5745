import { notBytes } from "./failure.js";

/** The bytes that a script answered, or an error where the client gives something that no script of ours answers. */
export function bytesOfReply(reply: unknown): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw notBytes(reply);
}
