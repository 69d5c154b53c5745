import { createServer, connect as dial, type Socket } from "node:net";
import { listen } from "./listen.js";

/** Sends each new connection to where it points then; those that are open stay where they are, as behind a balancer of layer 4. */
export interface TcpSwitch {
  /** Without a slash at its end. */
  readonly url: string;
  point(port: number): void;
  /** Ends every connection. */
  stop(): Promise<void>;
}

/** Starts a switch on a free port of 127.0.0.1 that points to `target`. */
export async function startTcpSwitch(target: number): Promise<TcpSwitch> {
  let current = target;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = dial({ port: current, host: "127.0.0.1", allowHalfOpen: true });
    pass(client, upstream);
    pass(upstream, client);
  });
  const { url, close } = await listen(server);
  return {
    url,
    point(port) {
      current = port;
    },
    stop: close,
  };
}

/** An end is passed on as an end, and a reset as a reset. */
function pass(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.pipe(to);
  from.on("error", () => to.resetAndDestroy());
  from.on("close", (hadError) => {
    if (!hadError) to.destroySoon();
  });
}
