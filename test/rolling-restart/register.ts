/** Who was with an instance while it left, as the service counts for itself: what the report says is held against it. */

import type { IncomingMessage, ServerResponse } from "node:http";

/** Requests by the names that their clients gave them, probes apart. */
export interface Visits {
  /** Those that had no whole answer yet when the instance began to leave. */
  readonly atStart: readonly string[];
  /** Those that came to the application after that, and were answered by something else than 503. */
  readonly served: readonly string[];
  /** Those that came to the application after that, and were answered 503. */
  readonly refused: readonly string[];
}

/** The register of an instance. */
export interface Register {
  /** A request has come to the application. */
  enter(request: IncomingMessage, response: ServerResponse): void;
  /** The instance begins to leave. */
  beginToLeave(): void;
  visits(): Visits;
}

/** Nobody is there yet. */
export function createRegister(): Register {
  const open = new Set<string>();
  const atStart: string[] = [];
  const served: string[] = [];
  const refused: string[] = [];
  let isLeaving = false;
  return {
    enter(request, response) {
      const name = request.headers["x-arrival"];
      if (typeof name !== "string") return;
      open.add(name);
      const isLate = isLeaving;
      response.once("close", () => {
        open.delete(name);
        if (isLate) (response.statusCode === 503 ? refused : served).push(name);
      });
    },
    beginToLeave() {
      isLeaving = true;
      atStart.push(...open);
    },
    visits: () => ({ atStart, served, refused }),
  };
}
