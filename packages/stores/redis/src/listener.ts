import { isCluster, type RedisClient } from "./client.js";

/** Hears what is published on channels, over a connection of its own. */
export interface Listener {
  /** Calls `told` for each word on a channel, and whenever some may have been missed, until `leave` is called. */
  listen(channel: string, told: () => void): Listening;
  close(): void;
}

/** One who listens. */
export interface Listening {
  /** Settles when nothing that is said from now on is missed. */
  readonly begun: Promise<unknown>;
  leave(): void;
}

/** How long the connection outlives the last who listens, in milliseconds: they come in groups. */
const LINGER_MS = 1000;

/** Nobody listens yet, and there is no connection: a client that subscribes can do nothing else. */
export function createListener(client: RedisClient): Listener {
  const channels = new Map<string, Set<() => void>>();
  let connection: RedisClient | undefined;
  let linger: NodeJS.Timeout | undefined;

  function open(): RedisClient {
    // Whatever the client does without a connection, this one waits for it.
    const options = { enableOfflineQueue: true, lazyConnect: false };
    const opened = isCluster(client) ? client.duplicate([], options) : client.duplicate(options);
    // The client that was handed in reports the same trouble to whoever listens to it.
    opened.on("error", () => undefined);
    opened.on("message", (channel: string) => tell(channels.get(channel)));
    // Each time but the first it was away, and what was said meanwhile is lost.
    opened.once("ready", () => opened.on("ready", tellAll));
    return opened;
  }

  function tellAll(): void {
    for (const told of channels.values()) tell(told);
  }

  function close(): void {
    clearTimeout(linger);
    connection?.disconnect();
    connection = undefined;
  }

  function leave(channel: string, told: () => void): void {
    const all = channels.get(channel);
    if (all?.delete(told) !== true || all.size > 0) return;
    channels.delete(channel);
    // A connection that fails has nothing to hear from it.
    connection?.unsubscribe(channel).catch(() => undefined);
    if (channels.size === 0) linger = setTimeout(close, LINGER_MS).unref();
  }

  return {
    listen(channel, told) {
      clearTimeout(linger);
      connection ??= open();
      const all = channels.get(channel) ?? new Set();
      channels.set(channel, all.add(told));
      return { begun: connection.subscribe(channel), leave: () => leave(channel, told) };
    },
    close,
  };
}

function tell(all: ReadonlySet<() => void> | undefined): void {
  for (const told of all ?? []) told();
}
