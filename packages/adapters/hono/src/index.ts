export { type OnceoverVariables, onceover } from "./middleware.js";
