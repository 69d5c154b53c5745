/** A length of time: a number of milliseconds, or a number with its unit, such as `"90s"` or `"30d"`. */
export type Duration = number | `${number}${Unit}`;

type Unit = "ms" | "s" | "m" | "h" | "d";

const UNIT_MS: Readonly<Record<Unit, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The milliseconds of a duration; `undefined` where it is none. Zero is one, a negative or endless one is not. */
export function durationMs(duration: unknown): number | undefined {
  const ms = typeof duration === "string" ? parse(duration) : duration;
  return typeof ms === "number" && Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

function parse(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * UNIT_MS[unit as Unit];
}
