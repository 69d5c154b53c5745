/** The entry point `@onceover/core/drain`: how an instance leaves, apart from the rest for those who let theirs be drained. */
export {
  ADMISSIONS,
  type Admission,
  type ArrivalFacts,
  type ArrivalKind,
  type ArrivalSigns,
  arrivalKind,
} from "./drain/admission.js";
export { drainingAnswer, reconnectAnswer } from "./drain/answers.js";
export {
  createEventStreamTracker,
  type Farewell,
  farewellBytes,
  lastEventIdOf,
} from "./drain/event-stream.js";
export {
  closeFrame,
  createFrameTracker,
  type FrameTracker,
} from "./drain/frames.js";
export {
  beginDrain,
  type DrainLoad,
  type DrainPhase,
  type DrainState,
  type DrainStep,
  type DrainTimes,
  nextStep,
  type PhaseEnd,
} from "./drain/machine.js";
export { type DrainPlan, type DrainWishes, planDrain } from "./drain/plan-drain.js";
export type { Environment, PlatformName } from "./drain/platforms.js";
export { createRecordTracker } from "./drain/records.js";
export { refuseArrival, refuseArrivals } from "./drain/refuse-arrival.js";
export {
  type DrainReport,
  exitCodeOf,
  type HookReport,
  type PhaseReport,
  type StreamClass,
  type StreamKind,
  type StreamOutcome,
  type StreamReport,
  verdictOf,
} from "./drain/report.js";
export type { StreamTracker } from "./drain/stream-tracker.js";
export { DRAIN_PROBLEMS, type DrainProblemCode } from "./problem.js";
