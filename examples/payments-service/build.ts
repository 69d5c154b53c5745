import { createPinKeys, type PinKeys } from "@onceover/core/revisions";
import { PIN_SECRET } from "./test-account.js";

/** One build of the service, and what it was built against. */
export interface Build {
  readonly revision: string;
  /** The schema of the ledger that it writes. */
  readonly schemaRev: number;
  /** The schema revisions whose callers it understands. */
  readonly accepts: readonly number[];
  /** Names the index that payments are screened by. */
  readonly indexHash: string;
}

/** The service's name, which its records and its revision pins belong to. */
export const SERVICE = "payments";

/** Signs and verifies revision pins of the service. */
export function pinKeys(): PinKeys {
  return createPinKeys({ service: SERVICE, keys: [{ id: "test", secret: PIN_SECRET }] });
}
