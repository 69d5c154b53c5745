import { type Mount, type MountOptions, mountOf, type Onceover } from "@onceover/core";
import type { FastifyRequest } from "fastify";

/**
 * Finds the mount of a route by what its `config.onceover` says; `undefined` where the route is to be left alone.
 * @throws {TypeError} that names the option, its rule and the value.
 */
export type MountOf = (config: unknown) => Mount<FastifyRequest> | undefined;

/** One mount for all routes, and one for each that has options of its own, made when it is first asked for. */
export function createMounts(once: Onceover<FastifyRequest>, defaults: MountOptions<FastifyRequest>): MountOf {
  const shared = mountOf(once, defaults);
  const own = new WeakMap<object, Mount<FastifyRequest>>();
  return (config) => {
    if (config === undefined) return shared;
    if (config === false) return undefined;
    if (!isOptions(config)) throw new TypeError(`config.onceover must be an object of options or false, got ${config}`);
    const known = own.get(config);
    if (known !== undefined) return known;
    const made = once.mount({ ...defaults, ...withoutUndefined(config) });
    own.set(config, made);
    return made;
  };
}

/** What is in it, the mount checks. */
function isOptions(config: unknown): config is MountOptions<FastifyRequest> {
  return typeof config === "object" && config !== null;
}

/** `undefined` counts as not given, and must not hide a default. */
function withoutUndefined(options: MountOptions<FastifyRequest>): MountOptions<FastifyRequest> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
