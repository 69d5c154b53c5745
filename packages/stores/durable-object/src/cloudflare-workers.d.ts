/** The module that the runtime has for Workers, as far as it is used here. */
declare module "cloudflare:workers" {
  export class DurableObject {
    protected readonly ctx: import("./object-state.js").ObjectState;
    protected readonly env: unknown;
    constructor(ctx: import("./object-state.js").ObjectState, env: unknown);
  }
  /** The bindings of the Worker. */
  export const env: unknown;
}
