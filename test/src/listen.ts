/** Servers of every protocol, on free ports. */
import type { Server, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";

/** A server that listens. */
export interface Listening {
  /** Without a slash at its end. */
  readonly url: string;
  /** Ends every connection and settles when nothing of the server is left. */
  close(): Promise<void>;
}

/** Lets a server, of any protocol, listen on a free port of 127.0.0.1. */
export async function listen(server: Server): Promise<Listening> {
  const endConnections = connectionsOf(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: urlOf(server),
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      endConnections();
      return closed;
    },
  };
}

/** Ends the connections of a server that has none yet: those of HTTP/2, too, which Node's servers do not end. */
export function connectionsOf(server: Server): () => void {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return `${server instanceof TlsServer ? "https" : "http"}://127.0.0.1:${address.port}`;
}
