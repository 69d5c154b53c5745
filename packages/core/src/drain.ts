/** The entry point `@onceover/core/drain`: how an instance leaves, apart from the rest for those who let theirs be drained. */
export { ADMISSIONS, type Admission, type ArrivalKind, type ArrivalSigns, arrivalKind } from "./drain/admission.js";
export { drainingAnswer, reconnectAnswer } from "./drain/answers.js";
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
export { DRAIN_PROBLEMS, type DrainProblemCode } from "./problem.js";
