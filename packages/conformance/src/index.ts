export type {
  AdapterCapabilities,
  AdapterRoute,
  AdapterServer,
  AdapterSetup,
  AdapterSuite,
  HandlerCall,
  NeutralHandler,
  OpenedStore,
  Protocol,
  Reply,
} from "./adapter-suite.js";
export { describeAdapter } from "./describe-adapter.js";
export { describeDrain } from "./describe-drain.js";
export { describeRegistry } from "./describe-registry.js";
export { describeStore } from "./describe-store.js";
export type { DrainHandle, DrainServer, DrainSetup, DrainSuite, SuiteDrainOptions } from "./drain-suite.js";
export type { BreakableRegistry, RegistryHarness, RegistrySuite } from "./registry-harness.js";
export type { StoreCapabilities, StoreHarness, StoreSuite, TransactionEffects } from "./store-harness.js";
