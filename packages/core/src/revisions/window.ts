import type { Pins, WindowMismatch } from "../pinned.js";
import type { AcceptedPins } from "../pins/decide-pins.js";
import type { Roster } from "./roster.js";

/** What a revision says of itself, as far as the window of compatibility goes. */
export interface WindowSide {
  readonly revision: string;
  readonly writes: Pins;
  readonly accepts: AcceptedPins;
}

/**
 * The schema revisions that a revision and those that are live write, and the other one does not accept. Pure. Pins without an
 * order are no part of the window: each revision may have an index of its own, but they share their data.
 */
export function windowMismatches(self: WindowSide, { revisions }: Roster): readonly WindowMismatch[] {
  const others = [...revisions.values()].filter(
    ({ revision, state }) => revision !== self.revision && (state === "serving" || state === "draining"),
  );
  return others.flatMap((other) => [...mismatch(self, other), ...mismatch(other, self)]);
}

function mismatch(writer: WindowSide, reader: WindowSide): WindowMismatch[] {
  const pin = "schemaRev";
  const writes = writer.writes[pin];
  const accepts = reader.accepts[pin];
  if (writes === undefined || accepts === undefined || accepts.includes(writes)) return [];
  return [{ writer: writer.revision, reader: reader.revision, pin, writes, accepts }];
}
