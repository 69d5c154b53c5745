/** The suites of `@onceover/conformance` that need no Node; the client of `describeAdapter` is made of it. */
export { describeRegistry } from "../../packages/conformance/src/describe-registry.js";
export { describeStore } from "../../packages/conformance/src/describe-store.js";
