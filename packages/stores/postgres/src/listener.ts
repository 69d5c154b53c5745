import pg, { type Client, type Pool } from "pg";

/** Hears which records have changed, over a connection of its own. */
export interface Listener {
  /** Calls `told` for each word about `key`, and whenever some may have been missed, until `leave` is called. */
  listen(key: string, told: () => void): Listening;
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
/** How long after a lost connection the next one is tried, in milliseconds. */
const AGAIN_MS = 250;

/** A connection that listens, or is about to. */
interface Connection {
  readonly client: Client;
  readonly begun: Promise<unknown>;
  isOpen(): boolean;
}

/**
 * Nobody listens yet, and there is no connection. It is made with the pool's options and is none of the pool's: one of
 * those may be shared by a pooler between sessions, and must not come back to the pool while it listens.
 */
export function createListener(pool: Pool, channel: string): Listener {
  const watched = new Map<string, Set<() => void>>();
  let connection: Connection | undefined;
  let linger: NodeJS.Timeout | undefined;
  let again: NodeJS.Timeout | undefined;

  function open(): Connection {
    const client = new pg.Client(pool.options);
    let isOpen = false;
    const begin = async () => {
      await client.connect();
      await client.query(`LISTEN "${channel}"`);
      isOpen = true;
    };
    const opened = { client, begun: begin(), isOpen: () => isOpen };
    client.on("notification", ({ payload = "" }) => tell(watched.get(payload)));
    client.on("error", () => lost(opened));
    client.on("end", () => lost(opened));
    opened.begun.catch(() => lost(opened));
    return opened;
  }

  function lost(which: Connection): void {
    if (which !== connection) return;
    end();
    if (watched.size > 0) again = setTimeout(reopen, AGAIN_MS).unref();
  }

  /** What was said since the connection was lost is lost, too. */
  function reopen(): void {
    connection ??= open();
    connection.begun.then(tellAll, () => undefined);
  }

  function tellAll(): void {
    for (const all of watched.values()) tell(all);
  }

  function end(): void {
    clearTimeout(linger);
    clearTimeout(again);
    const ended = connection;
    connection = undefined;
    if (!ended) return;
    // It has nothing left to say, and it may be what is broken: one that was never made would be waited for.
    ended.client.end().catch(() => undefined);
    if (!ended.isOpen()) ended.client.connection.stream.destroy();
  }

  function leave(key: string, told: () => void): void {
    const all = watched.get(key);
    if (all?.delete(told) !== true || all.size > 0) return;
    watched.delete(key);
    if (watched.size === 0) linger = setTimeout(end, LINGER_MS).unref();
  }

  return {
    listen(key, told) {
      clearTimeout(linger);
      connection ??= open();
      const all = watched.get(key) ?? new Set();
      watched.set(key, all.add(told));
      return { begun: connection.begun, leave: () => leave(key, told) };
    },
    close() {
      watched.clear();
      end();
    },
  };
}

function tell(all: ReadonlySet<() => void> | undefined): void {
  for (const told of all ?? []) told();
}
