export type { Answer } from "./answer.js";
export type { InterruptedRun } from "./background.js";
export type { Duration } from "./duration.js";
export { type ErrorCode, OnceoverError } from "./error.js";
export type { OnceoverEvent, OnEvent, PinDropped, PinSource, ReplaySource, StoreVerb } from "./event.js";
export type { BodyFacts, HeaderLine, RequestFacts } from "./facts.js";
export type { FingerprintRule } from "./fingerprint.js";
export type { LeaseLoss } from "./lease.js";
export type { LiveAnswer } from "./live.js";
export { type MemoryStoreOptions, memoryStore } from "./memory-store.js";
export { checkHandler, mountOf } from "./mount-of.js";
export type { Once } from "./once.js";
export { createOnceover, type Mount, type Onceover, type Refuse } from "./onceover.js";
export type { MountOptions, OnceoverOptions } from "./options.js";
export type {
  Announcing,
  MountPinOptions,
  PinControl,
  Pinned,
  PinnedExchange,
  PinnedFetch,
  PinnedFetchInit,
  PinnedOnceover,
  PinRules,
  Pins,
  PinValue,
  WindowMismatch,
} from "./pinned.js";
export type { MaybePromise } from "./platform.js";
export {
  type Executed,
  PROBLEMS,
  type ProblemCode,
  type ProblemDetail,
  problemAnswer,
  problemType,
} from "./problem.js";
export type { TombstoneReason } from "./record.js";
export type { Recovered, RecoveredResponse, RecoverFunction, UnknownOutcome } from "./recover.js";
export type { Release, Run } from "./run.js";
export { type ScopeFunction, type ScopeValue, SHARED_SCOPE } from "./scope.js";
export type {
  Acquired,
  AcquireRequest,
  Begun,
  DoneRecord,
  Finding,
  Fingerprint,
  ForgottenPage,
  Found,
  OwnedRecord,
  OwnerToken,
  RunningRecord,
  ScopeDigest,
  Store,
  StoreKey,
  Tier,
  Transaction,
  UnknownPage,
  UnknownRecord,
  Verified,
  Written,
} from "./store.js";
export type { Verdict } from "./verdict.js";
