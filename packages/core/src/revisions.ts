/** The entry point `@onceover/core/revisions`: several revisions side by side, apart from the rest for those who have them. */
export { PIN_PROBLEMS, type PinProblemCode, pinProblemAnswer } from "./problem.js";
export type { AllowedAddresses } from "./revisions/addresses.js";
export { createPinKeys, type PinKeysOptions } from "./revisions/create-pin-keys.js";
export { revisions } from "./revisions/create-revisions.js";
export { type FetchForwarder, type FetchForwardOptions, fetchForward } from "./revisions/fetch-forward.js";
export { type ForwardFailure, forwardFailure } from "./revisions/forward-failure.js";
export type { Forwarder, ForwardTarget, GivenForwarder } from "./revisions/forwarder.js";
export type { PinGiving } from "./revisions/granting.js";
export { type MemoryRegistryOptions, memoryRegistry } from "./revisions/memory-registry.js";
export { isKept, isSaidAnew, namedBy, staysBehind } from "./revisions/passed-fields.js";
export type { PinKey } from "./revisions/pin-key-ring.js";
export type { PinClaims, PinKeys, PinVerified } from "./revisions/pin-keys.js";
export type { RegistryEntry, RevisionRegistry } from "./revisions/registry.js";
export type { RevisionsOptions } from "./revisions/revisions-options.js";
export type { Revisions } from "./revisions/router.js";
export type { OverrideRule } from "./revisions/steering.js";
