import { createServer } from "node:net";

/** A TCP port of 127.0.0.1 that nobody listens on, below 32768 so that no outgoing connection takes it meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

const MOST_PORTS = 5;

/** Launches a server on a free port, and on another one where it ends with `taken` in its message: somebody was faster. */
export async function launchOnFreePort<Launched>(
  launch: (port: number) => Promise<Launched>,
  taken: string,
): Promise<{ readonly port: number; child: Launched }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return { port, child: await launch(port) };
    } catch (error) {
      const isTaken = error instanceof Error && error.message.includes(taken);
      if (!isTaken || attempt === MOST_PORTS) throw error;
    }
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
