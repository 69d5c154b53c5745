import type { Mount, Onceover } from "./onceover.js";
import type { MountOptions } from "./options.js";
import { show } from "./show.js";

/**
 * Makes the mount of an adapter that an application may have called wrongly.
 * @throws {TypeError} that names `once`, or the option, its rule and the value.
 */
export function mountOf<Request>(once: Onceover<Request>, options?: MountOptions<Request>): Mount<Request> {
  if (typeof once?.mount === "function") return once.mount(options);
  throw new TypeError(`once must be made by createOnceover(), got ${show(once)}`);
}

/**
 * Makes sure that an adapter was given a handler to call.
 * @throws {TypeError} that names it and the value.
 */
export function checkHandler(name: string, handler: unknown): void {
  if (typeof handler !== "function") throw new TypeError(`${name} must be a function, got ${show(handler)}`);
}
