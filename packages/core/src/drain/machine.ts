/**
 * `serving → hold → drain → farewell → closed`: an instance on its way out, in one direction. Pure: what there still is, and the
 * clock, come in; every timer is a number that comes out.
 */

/** Where an instance stands on its way out. */
export type DrainState = "serving" | "hold" | "drain" | "farewell" | "closed";

/** What a drain may take, in milliseconds. */
export interface DrainTimes {
  /** From the start to the deadline at which what is left is cut. */
  readonly budgetMs: number;
  /** The longest the hold may last; everything is served in it. */
  readonly holdMs: number;
  /** The hold ends when no request has come for so long. */
  readonly quietMs: number;
  /** The longest the farewell may last; it begins so long before the deadline at the latest. */
  readonly farewellMs: number;
  /** How long connections that have just become idle are kept, and how long nobody must have come before nobody is let in. */
  readonly lingerMs: number;
}

/** What an instance still has to do. */
export interface DrainLoad {
  /** When the last request came, probes apart. */
  readonly lastArrivalMs: number;
  /** Requests and finite streams that are not over, and runs whose client has gone. */
  readonly working: number;
  /** Endless streams that nobody has taken leave of. */
  readonly endless: number;
  /** Connections, idle ones included. */
  readonly connections: number;
}

/** Why a state was left. `done`: nothing was left to do; `quiet`: nobody came any more; `cap`: its time was over. */
export type PhaseEnd = "quiet" | "done" | "cap";

/** One state, and since when. */
export interface DrainPhase {
  readonly state: DrainState;
  readonly sinceMs: number;
  /** When the drain began; what it was is of no meaning while serving. */
  readonly startedAtMs: number;
}

/** What comes next: another phase, or a look after so many milliseconds at the latest, and whenever the load changes. */
export type DrainStep =
  | { readonly step: "go"; readonly phase: DrainPhase; readonly endedBy: PhaseEnd }
  | { readonly step: "wait"; readonly waitMs: number };

/** The phase of an instance that begins to leave. */
export function beginDrain(nowMs: number): DrainPhase {
  return { state: "hold", sinceMs: nowMs, startedAtMs: nowMs };
}

/** Says whether a phase is over. Nothing leads back, and nothing past the deadline. */
export function nextStep(phase: DrainPhase, times: DrainTimes, load: DrainLoad, nowMs: number): DrainStep {
  const deadlineMs = phase.startedAtMs + times.budgetMs;
  switch (phase.state) {
    case "hold": {
      const capMs = Math.min(phase.sinceMs + times.holdMs, deadlineMs - times.farewellMs);
      const quietMs = Math.max(phase.sinceMs, load.lastArrivalMs) + times.quietMs;
      return whicheverFirst(phase, "drain", { endedBy: "quiet", atMs: quietMs }, capMs, nowMs);
    }
    case "drain": {
      const doneMs = load.working + load.endless === 0 ? nowMs : Number.POSITIVE_INFINITY;
      return whicheverFirst(phase, "farewell", { endedBy: "done", atMs: doneMs }, deadlineMs - times.farewellMs, nowMs);
    }
    case "farewell": {
      const doneMs = load.connections === 0 ? nowMs : Number.POSITIVE_INFINITY;
      // Whoever sends half a head, or never answers a goodbye, is not waited for any longer than that.
      const capMs = Math.min(deadlineMs, phase.sinceMs + times.farewellMs);
      return whicheverFirst(phase, "closed", { endedBy: "done", atMs: doneMs }, capMs, nowMs);
    }
    case "serving":
    case "closed":
      return { step: "wait", waitMs: Number.POSITIVE_INFINITY };
    // no default
  }
}

function whicheverFirst(
  { startedAtMs }: DrainPhase,
  state: DrainState,
  hoped: { readonly endedBy: "quiet" | "done"; readonly atMs: number },
  capMs: number,
  nowMs: number,
): DrainStep {
  const atMs = Math.min(hoped.atMs, capMs);
  if (nowMs < atMs) return { step: "wait", waitMs: atMs - nowMs };
  const endedBy = hoped.atMs <= nowMs ? hoped.endedBy : "cap";
  return { step: "go", phase: { state, sinceMs: nowMs, startedAtMs }, endedBy };
}
