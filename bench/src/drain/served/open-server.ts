import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { Server as NetServer } from "node:net";
import type { ContenderName, Protocol, Wait } from "../contenders.js";
import { leaveWith } from "./leave.js";
import { type Listener, nodeListener } from "./listener.js";

/** What one server is to be. */
export interface ServerPlan {
  readonly name: ContenderName;
  readonly protocol: Protocol;
  /** Where it is written down what was carried out: the id of each request, a line each. */
  readonly logPath: string;
  readonly wait: Wait;
}

/** Makes a server that leaves at SIGTERM in the way of its contender. Who calls lets it listen on the given port. */
export async function openServer(plan: ServerPlan): Promise<NetServer> {
  switch (plan.name) {
    case "fastify.close()":
      return openFastify(plan);
    case "hono":
      return openHono(plan);
    default: {
      const server = plainServer(plan.protocol, nodeListener(plan.logPath));
      await leaveWith(plan.name, server, plan.wait);
      return listening(server);
    }
  }
}

function plainServer(protocol: Protocol, listener: Listener): Server {
  // What is called on a server here is the same for both.
  return protocol === "http1" ? createServer(listener) : (createHttp2Server(listener) as unknown as Server);
}

async function openFastify({ protocol, logPath }: ServerPlan): Promise<NetServer> {
  const { fastifyApp } = await import("./fastify-app.js");
  const app = fastifyApp(protocol, logPath);
  process.once("SIGTERM", () => void app.close());
  await app.listen({ host: "127.0.0.1", port: 0 });
  return app.server;
}

async function openHono({ protocol, logPath }: ServerPlan): Promise<NetServer> {
  const [{ serve }, { honoApp }] = await Promise.all([import("@hono/node-server"), import("./hono-app.js")]);
  const { fetch } = honoApp(logPath);
  const place = { fetch, hostname: "127.0.0.1", port: 0 };
  const server = protocol === "http1" ? serve(place) : serve({ ...place, createServer: createHttp2Server });
  process.on("SIGTERM", () => {
    server.close((error) => process.exit(error === undefined ? 0 : 1));
  });
  return server.listening ? server : listened(server);
}

function listening(server: NetServer): Promise<NetServer> {
  server.listen(0, "127.0.0.1");
  return listened(server);
}

function listened(server: NetServer): Promise<NetServer> {
  return new Promise((resolve) => server.once("listening", () => resolve(server)));
}
