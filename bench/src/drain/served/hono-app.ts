import { Hono } from "hono";
import { carryOut, EVENT_EVERY_MS, eventCount, eventText } from "./handlers.js";

/** The same routes on Hono. */
export function honoApp(logPath: string): Hono {
  const app = new Hono();
  app.all("*", async (c) => {
    const { route, ms } = carryOut(c.req.url, logPath);
    if (route === "unknown") return c.text("unknown", 404);
    if (route === "events") return c.body(events(eventCount(ms)), 200, { "Content-Type": "text/event-stream" });
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    return c.text("ok");
  });
  return app;
}

function events(count: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let [id, timer]: [number, NodeJS.Timeout | undefined] = [0, undefined];
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => {
        id += 1;
        controller.enqueue(encoder.encode(eventText(id)));
        if (id < count) return;
        clearInterval(timer);
        controller.close();
      }, EVENT_EVERY_MS);
    },
    cancel: () => clearInterval(timer),
  });
}
