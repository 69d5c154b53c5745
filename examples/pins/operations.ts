/** What an operator says about revisions, through any instance that is announced. */

import type { PinControl } from "@onceover/core";
import { createPinKeys, type PinKeys } from "@onceover/core/revisions";

/** r43 is rolled back: every pin of it that was given out until now stops counting. */
export const rollBack = (control: PinControl) => control.revoke("r43");

/** Nobody is to go back behind r42, whatever token he has kept. */
export const raiseFloor = (control: PinControl) => control.setFloor("r42");

/** The machine of r41 burned down and never said that it leaves. */
export const declareGone = (control: PinControl) => control.dismiss("r41");

/** For a tester: `X-Release: <token>` leads to r43 for an hour, where `override` is "signed". */
export const invite = (control: PinControl) => control.sign("override", "r43", 3_600_000);

/** Second step of a rotation: the new key signs, the old one still verifies. */
export const rotated = (newSecret: string, oldSecret: string): PinKeys =>
  createPinKeys({
    service: "search",
    keys: [
      { id: "2026-12", secret: newSecret },
      { id: "2026-11", secret: oldSecret },
    ],
  });
