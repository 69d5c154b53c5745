import type { MountOptions, Once, Onceover, Pinned } from "@onceover/core";
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { answering } from "./answering.js";
import { arrivalHook } from "./arrival-hook.js";
import { createMounts } from "./mounts.js";

export { type DrainPluginOptions, drain } from "./drain-plugin.js";

declare module "fastify" {
  interface FastifyRequest {
    /** This run of the request's idempotency key; `undefined` where the request carries none. */
    once: Once | undefined;
    /** The pins this request was let in by; `undefined` where the instance has none. */
    pinned: Pinned | undefined;
  }
  interface FastifyContextConfig {
    /** Options of this route, over those of the plugin, or `false` to leave the route alone. */
    onceover?: MountOptions<FastifyRequest> | false | undefined;
  }
}

/** What `app.register(onceover, …)` is given: the service's idempotency, and defaults for the routes. */
export interface OnceoverPluginOptions extends MountOptions<FastifyRequest> {
  readonly once: Onceover<FastifyRequest>;
}

/**
 * Makes the routes of a Fastify instance, and of those below it, idempotent. It stands behind every `onRequest` hook,
 * where authentication belongs, and before body parsers. Await it before routes are declared: it checks their options
 * then. Where a request passes several mounts, the first one counts.
 *
 * What `scope` and `fingerprint` functions throw goes to Fastify's error handling; no key is claimed then.
 *
 * @throws {TypeError} that names the option, its rule and the value: of the plugin when it is registered, of a route
 * when the route is declared.
 * @example
 * await app.register(onceover, { once });
 * app.post("/payments", { config: { onceover: { required: true } } }, async (request, reply) => {
 *   reply.code(201);
 *   return charge(request.body, request.once?.effectKey("charge"));
 * });
 */
export const onceover: FastifyPluginAsync<OnceoverPluginOptions> = fastifyPlugin(
  async function onceover(app: FastifyInstance, { once, ...options }: OnceoverPluginOptions) {
    const mountOf = createMounts(once, options);
    // Below an instance that has the plugin already, the decorator is there.
    if (!app.hasRequestDecorator("once")) {
      app.decorateRequest("once", undefined);
      app.decorateRequest("pinned", undefined);
    }
    app.addHook("onRoute", (route) => {
      if (mountOf(route.config?.onceover) !== undefined) route.handler = answering(route.handler);
    });
    app.addHook("preParsing", arrivalHook(mountOf));
  },
  { fastify: "5.x", name: "@onceover/fastify" },
);
