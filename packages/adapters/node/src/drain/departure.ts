/** An instance on its way out: looks at the clock and at who is there, and does what the next state asks for. */

import type { ServerResponse } from "node:http";
import type { Onceover } from "@onceover/core";
import {
  beginDrain,
  type DrainPhase,
  type DrainReport,
  type DrainState,
  type DrainStep,
  exitCodeOf,
  nextStep,
} from "@onceover/core/drain";
import type { DrainSettings } from "./drain-settings.js";
import { sendReport } from "./endpoints.js";
import { cutAll, type Exits, type Later, sweep, takeLeaveOfStreams, takeLeaveOfTunnels } from "./farewell.js";
import type { HookCaller } from "./hooks.js";
import type { Line } from "./line.js";
import type { Lobby } from "./lobby.js";
import { StillWatch } from "./still.js";
import { visitOf } from "./visit.js";

/** What a departure is made on. */
export interface DepartureGround {
  readonly once: Pick<Onceover, "service" | "revision" | "idle" | "interrupt">;
  readonly settings: DrainSettings;
  readonly lobby: Lobby;
  readonly hooks: HookCaller;
  readonly exits: Exits;
  /** From now on nothing new begins. */
  shut(): void;
  /** Everything is over; the process needs nothing of this any more. */
  ended(): void;
}

/** How long the hooks may take when all else is over. */
const HOOKS_MS = 2000;

/** A network may lose a client for a while, and TCP tries again after 1, 2 and 4 s: after that it has gone. */
const STILL_MS = 10_000;
/** How often it is looked at what leaves, and whether a session of HTTP/2 can be told. */
const LOOK_MS = 250;

/** One instance's way out. */
export class Departure {
  readonly #ground: DepartureGround;
  readonly #waiters = new Set<ServerResponse>();
  #phase: DrainPhase | undefined;
  #reason = "";
  #startedAt = "";
  #report: Promise<DrainReport> | undefined;
  #resolve: (report: DrainReport) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #isBusy = true;
  readonly #farewells = new Set<NodeJS.Timeout>();
  readonly #still = new StillWatch();
  #lookedAtMs = 0;
  #finished: DrainReport | undefined;

  constructor(ground: DepartureGround) {
    this.#ground = ground;
  }

  get state(): DrainState {
    return this.#ground.lobby.state;
  }

  /** Begins, once; whoever asks again is given the same report. */
  start(reason: string): Promise<DrainReport> {
    if (this.#report !== undefined) return this.#report;
    // Before anything is told: a hook may ask for the report.
    const report = new Promise<DrainReport>((resolve) => {
      this.#resolve = resolve;
    });
    this.#report = report;
    this.#reason = reason;
    this.#startedAt = new Date().toISOString();
    this.#enter(beginDrain(performance.now()));
    this.#look();
    return report;
  }

  wait(response: ServerResponse): void {
    if (this.#finished !== undefined) return sendReport(response, this.#finished);
    this.#waiters.add(response);
    response.once("close", () => this.#waiters.delete(response));
  }

  /** Looks again, soon: many may leave at once. */
  changed(): void {
    if (this.#phase === undefined || this.#phase.state === "closed") return;
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#look();
    });
  }

  #look(): void {
    for (;;) {
      const phase = this.#phase;
      if (phase === undefined || phase.state === "closed") return;
      const nowMs = performance.now();
      const { lobby, settings, exits } = this.#ground;
      // Nobody is sent away by a door that is shut, as long as somebody comes.
      const apart = this.#waitingLines().size - (exits.isListening ? 1 : 0);
      const step = nextStep(phase, settings.plan, lobby.load(this.#isBusy, apart), nowMs);
      if (step.step === "wait") return this.#lookIn(Math.min(step.waitMs, this.#tidy(phase, nowMs)));
      this.#leave(phase, step, nowMs);
    }
  }

  /**
   * Never sooner than in a millisecond: a timer may come a little early. And a process that stood still hears its timers before
   * those who came meanwhile: they are let in first.
   */
  #lookIn(waitMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.changed(), Math.max(1, Math.ceil(waitMs)));
  }

  /** The connections of those who wait for the report. */
  #waitingLines(): ReadonlySet<Line> {
    return new Set([...this.#waiters].flatMap((response) => visitOf(response)?.line ?? []));
  }

  /** Looks after those who are there. Returns when to do so again, in milliseconds. */
  #tidy({ state }: DrainPhase, nowMs: number): number {
    const { lobby, settings, exits } = this.#ground;
    if (state === "farewell") return sweep(lobby, exits, settings.plan.lingerMs, nowMs);
    if (state !== "drain") return Number.POSITIVE_INFINITY;
    if (nowMs - this.#lookedAtMs >= LOOK_MS) {
      this.#lookedAtMs = nowMs;
      lobby.tellSessions(nowMs);
      this.#still.look(lobby.visits, stillMs(settings.plan), nowMs);
    }
    return LOOK_MS;
  }

  #leave({ state, sinceMs }: DrainPhase, { phase, endedBy }: Extract<DrainStep, { step: "go" }>, nowMs: number): void {
    if (state === "hold" || state === "drain" || state === "farewell") {
      this.#ground.lobby.ledger.phase(state, { ms: Math.round(nowMs - sinceMs), endedBy });
    }
    this.#enter(phase);
  }

  #enter(phase: DrainPhase): void {
    const { lobby, hooks, settings, shut } = this.#ground;
    this.#phase = phase;
    lobby.state = phase.state;
    switch (phase.state) {
      case "hold":
        lobby.beginToLeave(settings);
        this.#tell("draining");
        return hooks.call("onHold");
      case "drain":
        shut();
        this.#awaitRuns();
        takeLeaveOfStreams(lobby, settings, this.#later);
        return hooks.call("onDrain");
      case "farewell":
        takeLeaveOfTunnels(lobby, settings, this.#later);
        return hooks.call("onFarewell");
      case "closed":
        return void this.#close(phase);
      case "serving":
        return;
      // no default
    }
  }

  readonly #later: Later = (ms, deed) => {
    const timer = setTimeout(() => {
      this.#farewells.delete(timer);
      deed();
    }, ms);
    this.#farewells.add(timer);
  };

  #tell(state: "draining" | "closed"): void {
    const { hooks, settings } = this.#ground;
    const { announced } = settings;
    if (announced === undefined) return;
    hooks.follow("announced", state === "closed" ? announced.stop() : announced.become(state));
  }

  /** Runs go on when their clients have gone, and records are stored after their answers: nothing tells so but this. */
  #awaitRuns(): void {
    void this.#ground.once.idle().then(() => {
      this.#isBusy = false;
      this.changed();
    });
  }

  /** Never rejects. */
  async #close({ startedAtMs }: DrainPhase): Promise<void> {
    const { once, lobby, hooks, settings, exits } = this.#ground;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    for (const timer of this.#farewells) clearTimeout(timer);
    cutAll(lobby, this.#waitingLines());
    lobby.ledger.interrupted(once.interrupt());
    exits.stopListening();
    this.#tell("closed");
    const about = {
      reason: this.#reason,
      startedAt: this.#startedAt,
      durationMs: Math.round(performance.now() - startedAtMs),
      budgetMs: settings.plan.budgetMs,
    };
    const report = () => lobby.ledger.report(once, about);
    hooks.call("onClosed", report());
    await hooks.settle(HOOKS_MS);
    this.#finish(report());
  }

  #finish(report: DrainReport): void {
    const { ended, exits, settings } = this.#ground;
    this.#finished = report;
    for (const response of this.#waiters) sendReport(response, report);
    exits.close();
    ended();
    const code = exitCodeOf(report);
    if (code !== 0) process.exitCode = code;
    this.#resolve(report);
    // After those who wait for the report, and its answers.
    if (settings.exit) setTimeout(() => process.exit(), 20);
  }
}

/** At most half of what the drain has: what is still for longer than that would never be noticed. */
function stillMs({ budgetMs, holdMs, farewellMs }: DrainSettings["plan"]): number {
  return Math.min(STILL_MS, (budgetMs - holdMs - farewellMs) / 2);
}
