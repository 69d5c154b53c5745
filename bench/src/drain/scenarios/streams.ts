/** What becomes of streams and WebSockets that are open when SIGTERM comes. */

import { until } from "@onceover/test/wait";
import { WebSocket } from "undici";
import { type RawClient, requestText } from "../raw-client.js";
import { goodOf, type Outcome, type Scenario, times, USUAL } from "../scenario.js";
import { eventCount } from "../served/handlers.js";
import type { Site } from "../site.js";

export const eventStreams: Scenario = {
  ...USUAL,
  title: "event streams",
  measures: ({ streams, streamMs }) =>
    `${streams} event streams of ${streamMs / 1000} s that end by themselves, ${eventCount(streamMs)} events each, begun just before SIGTERM: how many came whole, each event once and in order.`,
  endsSoon: true,
  async run(site, { streams, streamMs }) {
    const clients = await Promise.all(times(streams, () => site.reach()));
    for (const [id, client] of clients.entries()) {
      client.write(requestText("GET", `/events?id=${id}&ms=${streamMs}`, "Accept: text/event-stream"));
    }
    await until("all streams have begun", () => clients.every((client) => /^id: 1$/m.test(client.pending())));
    site.leave();
    const received = await Promise.all(clients.map(eventsOf));
    const wanted = times(eventCount(streamMs), (at) => at + 1).join();
    const whole = received.filter(({ ids, isWhole }) => isWhole && ids.join() === wanted).length;
    const fewest = Math.min(...received.map(({ ids }) => ids.length));
    return goodOf(whole, streams, whole === streams ? "" : `from ${fewest} events`);
  },
};

async function eventsOf(client: RawClient): Promise<{ readonly ids: readonly string[]; readonly isWhole: boolean }> {
  const answer = await client.answer();
  const text = answer?.body ?? client.pending();
  return { ids: [...text.matchAll(/^id: (\d+)$/gm)].map(([, id = ""]) => id), isWhole: answer?.status === 200 };
}

const MESSAGE_EVERY_MS = 100;
/** How many messages are on their way at the most when a socket is closed. */
const ON_THE_WAY = 1;

/** The end of one WebSocket as its client saw it. */
interface Closed {
  readonly code: number;
  readonly atMs: number;
  /** Messages that were never echoed. */
  readonly missing: number;
}

export const webSockets: Scenario = {
  ...USUAL,
  title: "WebSockets",
  measures: ({ webSockets }) =>
    `${webSockets} WebSockets of an application that does not close them itself, a message each ${MESSAGE_EVERY_MS} ms and its echo: the close code that the clients saw, and how long after SIGTERM. 1012 tells a client to come again, 1006 is a connection cut off.`,
  async run(site, { webSockets: count }) {
    const sockets = await Promise.all(times(count, () => openWebSocket(site)));
    await until("all echoes have begun", () => sockets.every(({ echoed }) => echoed() > 1));
    site.leave();
    return closedOf(await Promise.all(sockets.map(({ closed }) => closed)), site.times().leaveMs);
  },
};

interface OpenSocket {
  echoed(): number;
  readonly closed: Promise<Closed>;
}

function openWebSocket(site: Site): Promise<OpenSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${site.port}/`);
  let [sent, echoed] = [0, 0];
  const timer = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send(`message ${sent}`);
    sent += 1;
  }, MESSAGE_EVERY_MS);
  socket.addEventListener("message", () => {
    site.heard();
    echoed += 1;
  });
  const closed = new Promise<Closed>((resolve) => {
    socket.addEventListener("close", ({ code }) => {
      clearInterval(timer);
      resolve({ code, atMs: performance.now(), missing: sent - echoed });
    });
  });
  return new Promise((resolve, reject) => {
    socket.addEventListener("error", () => reject(new Error("a WebSocket could not be opened")));
    socket.addEventListener("open", () => resolve({ echoed: () => echoed, closed }));
  });
}

function closedOf(all: readonly Closed[], leaveMs: number): Outcome {
  const codes = [...new Set(all.map(({ code }) => code))].sort();
  const text = codes.map((code) => {
    const own = all.filter((each) => each.code === code);
    const first = Math.min(...own.map(({ atMs }) => atMs)) - leaveMs;
    return `${own.length} × ${code} after ${(first / 1000).toFixed(1)} s`;
  });
  const hasMissing = all.some(({ missing }) => missing > ON_THE_WAY);
  const misses = [
    ...(codes.join() === "1012" ? [] : text),
    ...(hasMissing ? ["a WebSocket lost messages before it was closed"] : []),
  ];
  return { text: text.join(", "), misses };
}
