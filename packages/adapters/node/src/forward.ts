/** The entry point `@onceover/node/forward`: requests passed on to another revision, apart from the rest for those who do. */
export type { NodeForwardOptions, TunnelLimits } from "./forward-options.js";
export { type NodeForwarder, nodeForward } from "./node-forward.js";
export { tunnelUpgrade } from "./tunnel.js";
