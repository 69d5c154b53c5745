import type { StoreKey } from "@onceover/core";

const KEY = /^[0-9A-Za-z_-]{43}$/;

/** SCAN's pattern for names that begin with `prefix`, in which every character stands for itself. */
export function patternOf(prefix: string): string {
  return `${prefix.replace(/[*?[\]\\]/g, "\\$&")}*`;
}

/** The store keys among names that begin with `prefix`; others may keep things of their own there. */
export function keysAmong(names: readonly string[], prefix: string): StoreKey[] {
  return names.map((name) => name.slice(prefix.length)).filter((rest) => KEY.test(rest)) as StoreKey[];
}
