/** The entry point `@onceover/core/pins`: what callers were built against, apart from the rest for those who check it. */
export { pins } from "./pins/attach.js";
export type { AcceptedPins } from "./pins/decide-pins.js";
export { type HttpPinsOptions, httpPins } from "./pins/http-pins.js";
export { type IndexParts, indexHash } from "./pins/index-hash.js";
export type { PinReader } from "./pins/live-pins.js";
export type { PinSchema } from "./pins/own-pins.js";
export type { AcceptedOf, KnownPins, PinOptions } from "./pins/pin-settings.js";
