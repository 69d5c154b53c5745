/**
 * A small world around the real core: processes, a network that loses and delays, one store, one ledger, one clock.
 * Nothing in it happens by itself: whatever is possible now is one of `choices(world)` (choices.ts), and time passes
 * only where a choice says so. All the rest, down to tokens and timers, is deterministic, so that a list of choices
 * is a schedule that can be run again.
 */

import type { Mount } from "../../src/index.js";
import type { createOnceoverOn } from "../../src/onceover.js";
import { createLedger, type Ledger } from "./ledger.js";
import type { SimRecord, StoreRules } from "./sim-store.js";
import type { OpenTransaction } from "./transactions.js";

/** What a world is made of. */
export interface Settings {
  /** The core under test: the real one, or one with a planted bug. */
  readonly createOnceoverOn: typeof createOnceoverOn;
  /** The store's verbs: the contract, or one with a planted bug. */
  readonly rules: StoreRules;
  readonly effects: "once" | "repeatable";
  /** Whether effect and record are one transaction of the store; `effects` is `"once"` then, and nobody recovers. @default false */
  readonly transactional?: boolean;
  readonly inFlight: "wait" | "reject";
  /**
   * How the application settles an unknown outcome, always truthfully. `"dead"`: it looks into the ledger, and says
   * that an effect did not happen only where nobody is left alive who could still make it. `"closes"`: its ledger,
   * in the same step as the look, refuses from then on the effect of the attempt it was asked about.
   */
  readonly recover: "none" | "dead" | "closes";
  /** What the handler answers with: the effect alone, or the effect and the run, which two runs never have in common. */
  readonly body: "effect" | "run";
  /** What the client sends, in this order, under one key. */
  readonly requests: readonly Payload[];
  /** How many processes are alive at once. A crashed one is replaced. */
  readonly processes: number;
  readonly faults: number;
  /** Whether the handler may also fail, abandon or cut, and the client may hang up and send again. */
  readonly whims: boolean;
  /** Whether an answer leaves in two pieces, with time for others to join it between them. */
  readonly streams: boolean;
  /** Whether of several orders that lead to the same only one is offered; how, and why that hides nothing, stands in choices.ts. */
  readonly canonical: boolean;
}

/** A request of the client, before it is sent. */
export interface Payload {
  readonly scope: string;
  readonly payload: string;
}

/** A request that was sent. */
export interface Sent extends Payload {
  readonly id: string;
  readonly process: Process;
  /** Nobody waits for the answer any more. */
  gone: boolean;
  /** Its process is through with it. */
  over: boolean;
  answer: Received | undefined;
}

/** What the client makes of an answer. */
export interface Received {
  readonly status: number;
  readonly body: string;
  readonly executed: boolean | "unknown" | undefined;
  readonly effect: string | undefined;
}

/** A process: one instance of core, with timers and clocks of its own. */
export interface Process {
  readonly id: string;
  readonly index: number;
  status: "up" | "paused" | "down";
  mount: Mount<Sent> | undefined;
  timers: Timer[];
  /** What reached it while it was paused. */
  inbox: Input[];
  /** Whether, after a pause, replies are read before due timers are looked at. */
  repliesFirst: boolean;
  /** Digest of all that ever entered it. As core is deterministic, this stands for its whole memory. */
  memory: number;
  /** The run whose record it was given: what its cache holds. */
  cached: string;
  serials: number;
}

/** Something that enters a process; `text` tells it from anything else that could. */
export interface Input {
  readonly text: string;
  enter(): void;
}

/** A timer of a process. */
export interface Timer {
  readonly id: number;
  readonly atMs: number;
  fire(): void;
}

/** A call on its way to the store. */
export interface Call {
  readonly id: string;
  /** All that applying it depends on. */
  readonly content: string;
  readonly key: string;
  /** Whose run it speaks for; absent where the caller has none yet. */
  readonly token: string | undefined;
  readonly from: Process;
  /** Applies it to the store; the result carries the answer to the caller. */
  apply(): Input;
  /** Tells the caller that there is no answer. */
  fail: Input;
}

/** A handler that is about to do something. */
export interface HandlerStep {
  readonly id: string;
  readonly process: Process;
  readonly phase: "effect" | "answer" | "end";
  go(what: Deed): void;
}

/** What a handler may do next. */
export type Deed = "effect" | "answer" | "fail" | "abandon" | "cut" | "end";

/** The faults, by name. */
export const FAULTS = ["drop-request", "drop-reply", "late", "crash", "pause", "stall", "fail-over"] as const;
export type Fault = (typeof FAULTS)[number];

/** What is observed of one key while a schedule runs. */
export interface KeyNotes {
  /** A complete of this key was called and its caller got no answer. */
  completeFailed: boolean;
  /** A fail-over undid something about this key. */
  rewound: boolean;
  /** A fail-over lost the run itself: the store no longer knows that there was one. */
  lost: boolean;
}

/** The world. */
export interface World {
  readonly settings: Settings;
  nowMs: number;
  readonly processes: Process[];
  /** Calls that wait to be applied. */
  calls: Call[];
  /** Calls whose caller has given up or died, still to be applied some day. */
  limbo: Call[];
  steps: HandlerStep[];
  records: ReadonlyMap<string, SimRecord>;
  /** Earlier states of the store, oldest first. */
  readonly snapshots: ReadonlyMap<string, SimRecord>[];
  /** The transactions that hold a key. */
  readonly open: Map<string, OpenTransaction>;
  /** Effects that were ever made inside a transaction. */
  effects: number;
  readonly ledger: Ledger;
  readonly requests: Payload[];
  readonly sent: Sent[];
  faultsLeft: number;
  failedOver: boolean;
  /** Nothing but sending has happened since time last passed, or since a fault. */
  fresh: boolean;
  /** When the last fault happened; 0 before the first. */
  faultMs: number;
  readonly counts: Map<string, number>;
  readonly notes: Map<string, KeyNotes>;
  readonly violations: string[];
}

/** A world in which nothing has happened yet. */
export function createWorld(settings: Settings): World {
  return {
    settings,
    nowMs: 0,
    processes: [],
    calls: [],
    limbo: [],
    steps: [],
    records: new Map(),
    snapshots: [],
    open: new Map(),
    effects: 0,
    ledger: createLedger(settings),
    requests: [...settings.requests],
    sent: [],
    faultsLeft: settings.faults,
    // A fail-over would take effects back, too: that is another promise, and the database's.
    failedOver: settings.transactional ?? false,
    fresh: true,
    faultMs: 0,
    counts: new Map(),
    notes: new Map(),
    violations: [],
  };
}

/** The store's clock. */
export function storeMs(world: World): number {
  return EPOCH_MS + world.nowMs;
}

/** When the world began, in epoch milliseconds. */
export const EPOCH_MS = 1_700_000_000_000;

/** What is known of a store key. */
export function notesOf(world: World, key: string): KeyNotes {
  const found = world.notes.get(key) ?? { completeFailed: false, rewound: false, lost: false };
  world.notes.set(key, found);
  return found;
}

/** Counts something that happened. */
export function count(world: World, what: string): void {
  world.counts.set(what, (world.counts.get(what) ?? 0) + 1);
}
