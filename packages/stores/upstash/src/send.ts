import type { UpstashClient } from "./client.js";
import { isUnknownScript } from "./errors.js";
import { digestOf } from "./script.js";

/** One run of a script on the one key it touches. */
export interface ScriptCall {
  readonly lua: string;
  readonly key: string;
  readonly args: readonly string[];
}

/**
 * Sends one call as one HTTP request and settles with its reply; `endMs` is its deadline on the monotonic clock. A server
 * that does not know the script executes nothing and says so; the call is then sent once more with the script's text.
 *
 * `exec` and not `evalsha`, because the client would gather calls of the latter into one request, whoever made them: one
 * record too large would fail all of them, and an error would quote what all of them sent.
 */
export async function send(client: UpstashClient, { lua, key, args }: ScriptCall, endMs: number): Promise<unknown> {
  const digest = await digestOf(lua);
  try {
    return await client.exec<unknown>(["evalsha", digest, 1, key, ...args]);
  } catch (error) {
    if (!isUnknownScript(error) || performance.now() > endMs) throw error;
    return client.exec<unknown>(["eval", lua, 1, key, ...args]);
  }
}
