import type { ForgottenPage } from "@onceover/core";
import { decodeForgotten } from "@onceover/redis/scripts";
import { type Ground, walkKeys } from "./key-walk.js";
import { scripts } from "./script.js";

/** Deletes one page of the records on the ground. */
export async function forgetPage(ground: Ground, at: string): Promise<ForgottenPage> {
  const { replies, ...cursor } = await walkKeys(ground, at, scripts.forget);
  return { forgotten: replies.filter(({ bytes }) => decodeForgotten(bytes) === "ok").length, ...cursor };
}
