import { OnceoverError } from "@onceover/core";
import type { Redis } from "ioredis";
import { scripting } from "./client.js";
import { isUnknownScript, type Send } from "./direct-sender.js";
import { type ScriptCall, scripts } from "./script.js";

/** Sends writes that count only once `waitReplicas` replicas have them. */
export interface ReplicatedSender {
  readonly send: Send;
  close(): void;
}

interface Item {
  readonly call: ScriptCall;
  readonly endMs: number;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** The server did not know the script's digest. */
  readonly asText?: boolean;
}

/** WAIT ends before the deadline does, so that a claim that was not replicated can be given back in time. */
const WAIT_SHARE = 0.8;

/**
 * Sends writes, each batch followed by one WAIT, over a connection of its own: WAIT stalls the connection it is sent
 * on, and it speaks of the writes of that connection only. For the same reason nothing here is ever queued or resent
 * by the client: a WAIT that came alone to a new master would confirm a write which that master never saw.
 */
export function replicatedSender(client: Redis, waitReplicas: number, timeoutMs: number): ReplicatedSender {
  const connection = client.duplicate({
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    lazyConnect: true,
  });
  let queue: Item[] = [];
  let sent: readonly Item[] = [];
  let lose: (error: Error) => void = () => undefined;

  async function flush(): Promise<void> {
    const now = performance.now();
    queue = queue.filter(({ endMs }) => endMs > now);
    if (sent.length > 0 || queue.length === 0 || connection.status !== "ready") return;
    sent = queue;
    queue = [];
    // Nobody waits any more by then: a connection that stays silent for so long is replaced.
    const silence = setTimeout(() => connection.disconnect(true), 2 * timeoutMs);
    const lost = new Promise<never>((_, reject) => {
      lose = reject;
    });
    try {
      const again = await Promise.race([confirm(connection, sent, waitReplicas), lost]);
      queue = [...again, ...queue];
    } catch (error) {
      for (const item of sent) item.reject(error);
    }
    clearTimeout(silence);
    sent = [];
    void flush();
  }

  // The client that was handed in reports the same trouble to whoever listens to it.
  connection.on("error", () => undefined);
  connection.on("ready", () => void flush());
  // What was sent on a lost connection would never settle by itself.
  connection.on("close", () => lose(new Error("the connection was lost before the write was confirmed")));
  return {
    send(call, endMs) {
      if (connection.status === "wait") connection.connect().catch(() => undefined);
      return new Promise((resolve, reject) => {
        queue.push({ call, endMs, resolve, reject });
        void flush();
      });
    },
    close: () => connection.disconnect(),
  };
}

/** Sends a batch and its WAIT; answers the items that have to be sent once more with the text of their script. */
async function confirm(connection: Redis, batch: readonly Item[], waitReplicas: number): Promise<Item[]> {
  const { evalshaBuffer, evalBuffer } = scripting(connection);
  const leftMs = Math.min(...batch.map(({ endMs }) => endMs)) - performance.now();
  const replies = batch.map(({ call: { script, key, args }, asText }) =>
    asText
      ? evalBuffer.call(connection, script.lua, 1, key, ...args)
      : evalshaBuffer.call(connection, script.sha, 1, key, ...args),
  );
  // WAIT 0 would wait for ever.
  const wait = connection.wait(waitReplicas, Math.max(1, Math.floor(leftMs * WAIT_SHARE)));
  const [settled, replicas] = await Promise.all([Promise.allSettled(replies), wait]);
  return batch
    .filter((item, index) => {
      const reply = settled[index];
      if (reply?.status === "fulfilled") settle(connection, item, reply.value, Number(replicas) >= waitReplicas);
      else if (!item.asText && isUnknownScript(reply?.reason)) return true;
      else item.reject(reply?.reason);
      return false;
    })
    .map((item) => ({ ...item, asText: true }));
}

/**
 * A write that too few replicas have does not count. A claim is given back first: nobody else will. Not so one that was to
 * settle an unknown outcome, because a key that was given back is free, and its effect may have happened: that one
 * becomes unknown once more when its lease ends.
 */
function settle(connection: Redis, item: Item, reply: unknown, confirmed: boolean): void {
  if (confirmed || !isWrite(item.call, reply)) return item.resolve(reply);
  if (item.call.script === scripts.acquire && !isSettling(item.call)) giveBack(connection, item.call);
  item.reject(
    new OnceoverError("store-unavailable", "too few replicas confirmed the write in time; it does not count"),
  );
}

/** Whether an acquire names the fence of the unknown record that it takes over. */
function isSettling({ args: [, , , , takeOver] }: ScriptCall): boolean {
  return /^\d+$/.test(String(takeOver));
}

/** Ahead of any later acquire with this token, since both go over this connection. */
function giveBack(connection: Redis, { key, args }: ScriptCall): void {
  const [token = ""] = args;
  const { evalBuffer } = scripting(connection);
  evalBuffer.call(connection, scripts.abandon.lua, 1, key, token).catch(() => undefined);
}

/** Whether the script's reply says that it wrote: acquired, or completed. */
function isWrite({ script }: ScriptCall, reply: unknown): boolean {
  const letter = Buffer.isBuffer(reply) ? String.fromCharCode(reply[0] ?? 0) : "";
  return letter === (script === scripts.acquire ? "A" : "O");
}
