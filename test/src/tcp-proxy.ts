import { createServer, connect as dial, type Socket } from "node:net";

/** A TCP proxy on 127.0.0.1 that can be told to fail. */
export interface TcpProxy {
  readonly port: number;
  /** Requests pass, replies are dropped. */
  swallowReplies(): void;
  /** Requests are dropped; what comes back for earlier ones passes. */
  swallowRequests(): void;
  /** Nothing passes in either direction; it is held back until `heal()`. New connections are accepted and hear nothing. */
  hang(): void;
  /** Resets every connection; new ones are accepted as before. */
  cut(): void;
  /** Everything passes again, first of all what `hang()` held back. What was dropped stays lost. */
  heal(): void;
  /**
   * Drops the first reply that follows a request which holds `pattern`, then resets that connection (`cut`, the
   * default) or lets it hear nothing any more (`silence`). Settles when the reply was dropped.
   */
  swallowNextReply(pattern: string | Uint8Array, then?: "cut" | "silence"): Promise<void>;
  /** Connections that are open now. */
  connections(): number;
  close(): Promise<void>;
}

type Mode = "pass" | "swallow-replies" | "swallow-requests" | "hang";

interface Trap {
  readonly pattern: Buffer;
  readonly then: "cut" | "silence";
  readonly sprung: () => void;
}

interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  trap?: Trap;
  silent?: boolean;
}

/** Starts a proxy in front of a port of 127.0.0.1, passing everything on until told otherwise. */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const links = new Set<Link>();
  const traps: Trap[] = [];
  let held: (() => void)[] = [];
  let mode: Mode = "pass";

  const onRequest = (link: Link, chunk: Buffer) => {
    if (mode === "hang") return void held.push(() => onRequest(link, chunk));
    if (mode === "swallow-requests") return;
    const index = traps.findIndex(({ pattern }) => chunk.includes(pattern));
    const [trap] = index < 0 ? [] : traps.splice(index, 1);
    if (trap) link.trap = trap;
    link.upstream.write(chunk);
  };
  const onReply = (link: Link, chunk: Buffer) => {
    if (mode === "hang") return void held.push(() => onReply(link, chunk));
    if (link.trap) return spring(link, link.trap);
    if (mode !== "swallow-replies" && !link.silent) link.client.write(chunk);
  };

  const server = createServer((client) => {
    const link: Link = { client, upstream: dial(target, "127.0.0.1") };
    links.add(link);
    joinSockets(link, onRequest, onReply, () => links.delete(link));
  });
  const cut = () => {
    for (const link of links) reset(link);
  };
  const port = await listen(server);

  return {
    port,
    swallowReplies() {
      mode = "swallow-replies";
    },
    swallowRequests() {
      mode = "swallow-requests";
    },
    hang() {
      mode = "hang";
    },
    cut,
    heal() {
      mode = "pass";
      const release = held;
      held = [];
      for (const pass of release) pass();
    },
    swallowNextReply: (pattern, then = "cut") =>
      new Promise((sprung) => void traps.push({ pattern: Buffer.from(pattern), then, sprung })),
    connections: () => links.size,
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function joinSockets(
  link: Link,
  onRequest: (link: Link, chunk: Buffer) => void,
  onReply: (link: Link, chunk: Buffer) => void,
  onEnd: () => void,
): void {
  const { client, upstream } = link;
  client.on("data", (chunk: Buffer) => onRequest(link, chunk));
  upstream.on("data", (chunk: Buffer) => onReply(link, chunk));
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    socket.setNoDelay(true);
    socket.on("error", () => resetSocket(other));
    socket.on("end", () => other.end());
    socket.on("close", () => {
      other.destroy();
      onEnd();
    });
  }
}

function spring(link: Link, trap: Trap): void {
  delete link.trap;
  if (trap.then === "cut") reset(link);
  else link.silent = true;
  trap.sprung();
}

/** The server side ends in order, so that what it was sent is not lost with a reset. */
function reset({ client, upstream }: Link): void {
  upstream.end();
  resetSocket(client);
}

/** Node never closes a socket that is reset while its end is on the way: it would keep the process alive. */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function listen(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") return reject(new Error("the proxy has no port"));
      resolve(address.port);
    });
  });
}
