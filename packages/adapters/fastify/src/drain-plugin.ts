import type { Onceover } from "@onceover/core";
import { type Drain, type DrainOptions, drainable } from "@onceover/node";
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";

declare module "fastify" {
  interface FastifyInstance {
    /** What takes the application out of service; there once `drain` is registered. */
    drain: Drain;
  }
}

/** What `app.register(drain, …)` is given: whose runs are waited for, and how the application leaves. */
export interface DrainPluginOptions extends DrainOptions {
  readonly once: Onceover<FastifyRequest>;
}

/** Of avvio, under Fastify: `addHook("onClose")` is this for whoever comes before Fastify is ready. */
type Closable = FastifyInstance & { onClose(leave: () => Promise<void>): unknown };

/**
 * Lets a Fastify application leave without cutting anyone off, as `drainable` of `@onceover/node` does. Register it first, on the
 * application itself: `app.drain` is there then, and the endpoints stand before all that is registered later.
 *
 * `app.close()` runs the whole drain before Fastify closes anything, so that its own 503 is never seen; a drain that was begun
 * otherwise, by a signal, an endpoint or `app.drain.start()`, calls `app.close()` at its end. Either way `preClose` and `onClose` hooks run
 * when the last answer has left. With `exit` the process ends behind them.
 *
 * @throws {TypeError} that names the option, its rule and the value.
 * @example
 * await app.register(drain, { once, isEndless: ({ url }) => url === "/news" });
 */
export const drain: FastifyPluginAsync<DrainPluginOptions> = fastifyPlugin(
  async function drain(app: FastifyInstance, { once, exit = false, onHold, ...options }: DrainPluginOptions) {
    let isClosing = false;
    const leaving = drainable(app.server, once, {
      ...options,
      onHold() {
        void leaving.start().then(() => closeBehind(app, isClosing, exit));
        return onHold?.();
      },
    });
    app.decorate("drain", leaving);
    app.addHook("onRequest", (request, reply, done) => {
      let isOurs = true;
      leaving.endpoints(request.raw, reply.raw, () => {
        isOurs = false;
      });
      if (isOurs) reply.hijack();
      else done();
    });
    app.addHook("onListen", async () => warnOfOthers(app));
    // What is hung up last is called first, and Fastify hangs up its own just before this: that is where it begins to refuse.
    app.addHook("onReady", async () => {
      (app as Closable).onClose(async () => {
        isClosing = true;
        // An application that never listened has nobody to wait for.
        if (app.server.listening || leaving.state !== "serving") await leaving.start();
      });
    });
  },
  { fastify: "5.x", name: "@onceover/fastify/drain" },
);

/** What a hook of the application's own throws then, nobody is there to hear: it is a warning of the process. */
async function closeBehind(app: FastifyInstance, isClosing: boolean, exit: boolean): Promise<void> {
  try {
    // Asked again, it is over when it is over for whoever asked first, who is told what went wrong.
    if (!isClosing || exit) await app.close();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
  if (exit) process.exit();
}

/** For `localhost` Fastify makes a server of its own for each further address, and gives out the first alone. */
function warnOfOthers(app: FastifyInstance): void {
  const own = app.server.address();
  const ownAddress = typeof own === "string" ? own : own?.address;
  for (const each of app.addresses()) {
    const address = typeof each === "string" ? each : each.address;
    if (address === ownAddress) continue;
    process.emitWarning(
      `requests to ${address} are not drained: listen on one address, such as "0.0.0.0" or "::", and not on "localhost"`,
    );
  }
}
