import { Readable } from "node:stream";
import { setInterval as intervals } from "node:timers/promises";
import { type FastifyInstance, fastify } from "fastify";
import type { Protocol } from "../contenders.js";
import { carryOut, EVENT_EVERY_MS, eventCount, eventText } from "./handlers.js";

/** The same routes on Fastify. */
export function fastifyApp(protocol: Protocol, logPath: string): FastifyInstance {
  // What is called on an application here is the same for both.
  const app = protocol === "http1" ? fastify() : (fastify({ http2: true }) as unknown as FastifyInstance);
  app.all("/*", async (request, reply) => {
    const { route, ms } = carryOut(request.url, logPath);
    if (route === "unknown") return reply.code(404).send("unknown");
    if (route === "events") return reply.type("text/event-stream").send(Readable.from(events(eventCount(ms))));
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    return "ok";
  });
  return app;
}

async function* events(count: number): AsyncGenerator<string> {
  let id = 0;
  for await (const _ of intervals(EVENT_EVERY_MS)) {
    id += 1;
    yield eventText(id);
    if (id === count) return;
  }
}
