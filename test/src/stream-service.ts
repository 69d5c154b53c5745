/** A service that streams, on one framework, in a process of its own. */
import { fileURLToPath } from "node:url";
import type { OnceoverEvent } from "@onceover/core";
import { startChild } from "./child.js";
import { openStream, type Streamed } from "./stream-client.js";

/** What the adapters that stream adapt to. */
export const STREAM_ADAPTER_NAMES = ["node", "express", "fastify", "fetch", "hono"] as const;

/** How a service is started. */
export interface StreamServiceOptions {
  readonly adapter: (typeof STREAM_ADAPTER_NAMES)[number];
  /** `memory`, or the URL of a Redis. */
  readonly store: string;
  readonly leaseMs: number;
}

/** What can be seen of a service from outside. */
export interface StreamState {
  /** How many bytes of bulk its handlers were asked for. */
  readonly takenBytes: number;
  /** How many of the fresh chunks of the latest bulk somebody still held when it ended. */
  readonly heldChunks: number;
  /** By how much the resident memory has been, at most, above what measuring began with. */
  readonly riseBytes: number;
  /** How often each key's handler ran, and when it sent its first byte, in epoch milliseconds. */
  readonly runs: Readonly<Record<string, number>>;
  readonly firstByteMs: Readonly<Record<string, number>>;
  /** How many runs have had their lease renewed. */
  readonly renewedRuns: number;
  readonly events: Readonly<Partial<Record<OnceoverEvent["type"], number>>>;
  /** How many timers and sockets there are that were not there when they began to be watched. */
  readonly handles: number;
}

/** A running service. */
export interface StreamService {
  /** Opens a stream; resolves when its head is there. `path` begins with `/once` or `/bare`. */
  open(path: string, key: string, headers?: Readonly<Record<string, string>>): Promise<Streamed>;
  /** Asks for something to be done, such as `/begin-measuring`, and tells how things are then. */
  ask(what?: string): Promise<StreamState>;
  /** Lets the events of a channel come up to number `to`; `isLast` ends the streams behind it. */
  advance(channel: string, to: number, isLast?: "last"): Promise<StreamState>;
  stop(): Promise<void>;
}

/** One event of a stream of `/events`, as it is sent. */
export function eventOf(key: string, id: number): string {
  return `id: ${id}\ndata: ${key} says ${id}\n\n`;
}

const PROGRAM = fileURLToPath(new URL("../fixtures/stream-service.ts", import.meta.url));
const SOURCE = ["--expose-gc", "--conditions", "onceover-src", "--import", "tsx"];

/** Starts a service and settles when it listens. */
export async function startStreamService(options: StreamServiceOptions): Promise<StreamService> {
  const child = await startChild(process.execPath, [...SOURCE, PROGRAM, JSON.stringify(options)], {
    ready: /listening on .* and .*\n/,
  });
  const [, url = "", control = ""] = /listening on (\S+) and (\S+)\n/.exec(child.output()) ?? [];
  return {
    open: (path, key, headers) => openStream(url + path, { "Idempotency-Key": key, "X-Caller": "alice", ...headers }),
    ask: (what = "/state") => post(control + what),
    advance: (channel, to, isLast) =>
      post(`${control}/advance?channel=${channel}&to=${to}&isLast=${isLast === "last"}`),
    async stop() {
      process.kill(child.pid, "SIGKILL");
      await child.ended;
    },
  };
}

async function post(url: string): Promise<StreamState> {
  const answer = await openStream(url, {});
  await answer.ended;
  return JSON.parse(answer.text());
}
