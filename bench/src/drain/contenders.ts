/** Who is measured, and how each is set up: as its own documentation recommends, with a grace of 30 s. */

/** All of them, in the order of the columns. */
export const CONTENDERS = [
  "onceover",
  "server.close()",
  "stoppable",
  "terminus",
  "http-terminator",
  "lil-http-terminator",
  "http-graceful-shutdown",
  "fastify.close()",
  "hono",
] as const;

/** One of them. */
export type ContenderName = (typeof CONTENDERS)[number];

/** What a server speaks; HTTP/2 without TLS. */
export type Protocol = "http1" | "http2";

/** What the platform gives: what is not over by then is cut. In milliseconds. */
export const GRACE_MS = 30_000;

/**
 * How long a server waits that waits for balancers: longer than they need, or not long enough, or so long that it holds on a
 * machine that has no time.
 */
export const WAITS = ["above", "below", "ample"] as const;

/** One of them. */
export type Wait = (typeof WAITS)[number];

/** The cap of our hold. In milliseconds. */
export const HOLD_MS: Readonly<Record<Wait, number>> = { above: 4_000, below: 500, ample: 30_000 };

/** How long terminus sleeps: 5 s in its documentation. In milliseconds. */
export const SLEEP_MS: Readonly<Record<Wait, number>> = { above: 5_000, below: 500, ample: 5_000 };

/** Those that wait for balancers at all. */
export const WAITERS: readonly ContenderName[] = ["onceover", "terminus"];

/** What our drain has beside its hold and farewell, for streams of 20 s. In milliseconds. */
export const DRAIN_MS = 21_000;

/** Those whose documentation says that they take a server of HTTP/2. */
const SPEAK_HTTP2: readonly ContenderName[] = [
  "onceover",
  "server.close()",
  "http-graceful-shutdown",
  "fastify.close()",
  "hono",
];

/** Whether a contender can be measured on a protocol. */
export function speaks(name: ContenderName, protocol: Protocol): boolean {
  return protocol === "http1" || SPEAK_HTTP2.includes(name);
}

/** How each is set up, for whoever reads the figures. */
export const SETTINGS: Readonly<Record<ContenderName, string>> = {
  onceover: `\`drainable(server, once, { plan: { budgetMs: ${GRACE_MS}, holdMs: ${HOLD_MS.above} } })\`, else as it comes; where the wait is too short, \`holdMs: ${HOLD_MS.below}\``,
  "server.close()": "at SIGTERM `server.close()`, and `closeAllConnections()` after the grace, where the server has it",
  stoppable: `1.1.0, \`stoppable(server, ${GRACE_MS})\`, at SIGTERM \`server.stop()\``,
  terminus: `@godaddy/terminus 4.12.1, a health check, \`useExit0\`, \`beforeShutdown\` of its documentation: it sleeps ${SLEEP_MS.above} ms, in which it serves as ever, and ${SLEEP_MS.below} ms where the wait is too short; \`timeout\` is the rest of the grace`,
  "http-terminator": `3.2.0, \`gracefulTerminationTimeout: ${GRACE_MS}\``,
  "lil-http-terminator": `1.2.3, \`gracefulTerminationTimeout\` and \`maxWaitTimeout: ${GRACE_MS}\`, \`process.exit(0)\` after it, as in its documentation`,
  "http-graceful-shutdown": `4.0.0, as it comes: \`timeout: ${GRACE_MS}\``,
  "fastify.close()": "Fastify 5.12.8, at SIGTERM `fastify.close()`, options as they come, its routes as Fastify's own",
  hono: "@hono/node-server 2.1.8, its routes as Hono's own; `server.close()` at SIGTERM and `process.exit` in its callback, as in Hono's documentation",
};
