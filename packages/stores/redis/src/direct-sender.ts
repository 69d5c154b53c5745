import { isCluster, type RedisClient, scripting } from "./client.js";
import type { ScriptCall } from "./script.js";

/** Sends one call and settles with its reply; `endMs` is its deadline on the monotonic clock. */
export type Send = (call: ScriptCall, endMs: number) => Promise<unknown>;

/**
 * Sends calls over the client that was handed in, each as one EVALSHA.
 *
 * A server that does not know the script (it restarted, another one took over, SCRIPT FLUSH) executes nothing and
 * says so; the call is then sent once more with the script's text. Registering commands on the client would do the
 * same, but they would be visible to everybody else who uses it.
 *
 * While calls are in flight, those that follow are written to the socket together, in one system call per turn of
 * the event loop. They stay single commands: after a lost connection the client resends each by itself, where it
 * would give up the rest of a pipeline.
 */
export function directSender(client: RedisClient): Send {
  const { evalshaBuffer, evalBuffer } = scripting(client);
  const gather = gatherer(client);
  let inFlight = 0;

  function arrived(reply: unknown): unknown {
    inFlight--;
    return reply;
  }

  function failed(error: unknown, { script, key, args }: ScriptCall, endMs: number): Promise<unknown> {
    inFlight--;
    if (!isUnknownScript(error) || performance.now() > endMs) throw error;
    return evalBuffer.call(client, script.lua, 1, key, ...args);
  }

  return (call, endMs) => {
    if (inFlight > 0) gather();
    inFlight++;
    return evalshaBuffer
      .call(client, call.script.sha, 1, call.key, ...call.args)
      .then(arrived, (error: unknown) => failed(error, call, endMs));
  };
}

/** Whether the server refused a script because it does not know its digest. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

/** Answers a function that holds back what is written to the client's socket until this turn of the event loop ends. */
function gatherer(client: RedisClient): () => void {
  // A client that gathers by itself is left to it, and a Cluster has many sockets.
  if (isCluster(client) || client.options.enableAutoPipelining) return () => undefined;
  let gathering = false;
  return () => {
    const { stream } = client;
    if (gathering || !stream) return;
    gathering = true;
    stream.cork();
    setImmediate(() => {
      gathering = false;
      stream.uncork();
    });
  };
}
