import type { ForgottenPage, StoreKey } from "@onceover/core";
import { type Ground, type Position, walkKeys } from "./key-walk.js";

/** Deletes one page of the records on the ground. What is met twice is deleted once. */
export async function forgetPage(
  ground: Ground,
  asked: Position,
  forget: (key: StoreKey) => Promise<"ok" | "none">,
): Promise<ForgottenPage> {
  const { keys, cursor } = await walkKeys(ground, asked);
  const forgotten = await Promise.all(keys.map(forget));
  return { forgotten: forgotten.filter((was) => was === "ok").length, ...(cursor !== undefined && { cursor }) };
}
