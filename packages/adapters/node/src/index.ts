export { intercept } from "./intercept.js";
export { type OnceListener, onceover } from "./listener.js";
