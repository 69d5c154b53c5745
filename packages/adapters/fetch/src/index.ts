export { toLiveResponse, toResponse } from "./answer.js";
export { TakenBody } from "./body.js";
export type { Outgoing } from "./capture.js";
export { contextAmong, keepAlive } from "./context.js";
export { factsOf } from "./facts.js";
export { handOn, isHandedOn, type OnceoverRequest } from "./hand-on.js";
export { answerOf, type OnceoverHandler, withOnceover } from "./handler.js";
