import type { Server } from "node:http";
import { type ContenderName, GRACE_MS, SLEEP_MS, type Wait } from "../contenders.js";
import { loadLilHttpTerminator, loadStoppable } from "../untyped.js";
import { leaveOurWay } from "./leave-our-way.js";

/** Those that are given a server, and make none of their own. */
export type GuestName = Exclude<ContenderName, "fastify.close()" | "hono">;

/** Lets a server leave at SIGTERM in the way of a contender. */
export async function leaveWith(name: GuestName, server: Server, wait: Wait): Promise<void> {
  switch (name) {
    case "onceover":
      return leaveOurWay(server, wait);
    case "server.close()":
      return leaveByClose(server);
    case "stoppable": {
      const { stop } = loadStoppable()(server, GRACE_MS);
      process.once("SIGTERM", () => stop());
      return;
    }
    case "terminus":
      return leaveByTerminus(server, SLEEP_MS[wait]);
    case "http-terminator": {
      const { createHttpTerminator } = await import("http-terminator");
      const { terminate } = createHttpTerminator({ server, gracefulTerminationTimeout: GRACE_MS });
      process.once("SIGTERM", () => void terminate());
      return;
    }
    case "lil-http-terminator":
      return leaveByLilHttpTerminator(server);
    case "http-graceful-shutdown": {
      const { default: gracefulShutdown } = await import("http-graceful-shutdown");
      gracefulShutdown(server, { timeout: GRACE_MS });
      return;
    }
    // no default
  }
}

function leaveByClose(server: Server): void {
  process.once("SIGTERM", () => {
    server.close();
    // A server of HTTP/2 does not have it.
    if ("closeAllConnections" in server) setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
  });
}

async function leaveByTerminus(server: Server, sleepMs: number): Promise<void> {
  const { createTerminus } = await import("@godaddy/terminus");
  createTerminus(server, {
    healthChecks: { "/healthcheck": async () => undefined },
    timeout: GRACE_MS - sleepMs,
    beforeShutdown: () => new Promise((resolve) => setTimeout(resolve, sleepMs)),
    useExit0: true,
  });
}

function leaveByLilHttpTerminator(server: Server): void {
  const limits = { gracefulTerminationTimeout: GRACE_MS, maxWaitTimeout: GRACE_MS };
  const { terminate } = loadLilHttpTerminator()({ server, ...limits });
  process.once("SIGTERM", () => void terminate().then(() => process.exit(0)));
}
