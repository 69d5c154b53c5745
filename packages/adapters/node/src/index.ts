export type { DrainEndpoints, DrainHooks, DrainOptions, LateArrival } from "./drain/drain-options.js";
export { type Drain, drainable, type EndpointResponse } from "./drain/drainable.js";
export { type FilePinsOptions, filePins } from "./file-pins.js";
export { intercept } from "./intercept.js";
export { type NodeListener, type OnceListener, onceover } from "./listener.js";
export type { NodeRequest, NodeResponse } from "./node-request.js";
export { onUpgrade, type UpgradeHandler, type UpgradeListener, type UpgradeOptions } from "./upgrade.js";
