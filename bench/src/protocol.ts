import type { ReplaySource } from "@onceover/core";

/** What the contenders are built on. */
export type FrameworkName = "express" | "fastify" | "hono";

/** In the order of the table. */
export const FRAMEWORKS = ["express", "fastify", "hono"] as const satisfies readonly FrameworkName[];

/** The framework alone; with the least a naive correct design does; with onceover. */
export type ContenderName = "bare" | "floor" | "onceover";

/** In the order in which the first round meets them. */
export const CONTENDERS = ["bare", "floor", "onceover"] as const satisfies readonly ContenderName[];

/** What onceover's mounts compare payloads by. */
export type FingerprintName = "request" | "off";

/** Both of them; the default first. */
export const FINGERPRINTS = ["request", "off"] as const satisfies readonly FingerprintName[];

/** What a server counts while it is measured. */
export interface Tally {
  /** How often the handler ran. */
  runs: number;
  /** What onceover replayed, by where from; all 0 in the other contenders. */
  readonly replays: Record<ReplaySource, number>;
}

/** What a server is told. */
export type Order = "begin" | "end";

/** What a server tells: that it listens, that counting began, or what was counted. */
export type Told =
  | { readonly told: "listening"; readonly port: number }
  | { readonly told: "began" }
  | { readonly told: "counted"; readonly cpuUs: number; readonly tally: Tally };

/** A tally of nothing. */
export function emptyTally(): Tally {
  return { runs: 0, replays: { store: 0, cache: 0, run: 0 } };
}

/** What is measured without a server: core by itself, and the fetch wrapper, which is all there is between it and a handler. */
export const IN_PROCESS = ["core, fresh", "core, cached replay", "fetch, fresh", "fetch, cached replay"] as const;

/** Processor time per request in microseconds, round by round. */
export type InProcessFigures = Readonly<Record<(typeof IN_PROCESS)[number], Record<"onceover" | "floor", number[]>>>;
