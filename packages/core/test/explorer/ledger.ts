import type { Once } from "../../src/index.js";

/** One effect that happened. */
export interface Effect {
  readonly id: string;
  readonly scope: string;
  readonly payload: string;
  /** The request whose run made it. */
  readonly request: string;
  readonly effectKey: string;
}

/** What an effect is looked for by. */
type Wanted = Pick<Effect, "scope" | "payload">;

/** Where the handler's effects happen: the payment provider of the simulation. */
export interface Ledger {
  readonly effects: Effect[];
  /** Makes an effect; `undefined` where the ledger refuses it. */
  make(about: Pick<Effect, "scope" | "payload" | "request">, once: Once): Effect | undefined;
  /** The effect that a request of this scope and payload stands for, if it happened. */
  find(about: Wanted): Effect | undefined;
  /** As `find`; where there is no effect, none of this attempt or an earlier one is accepted from now on. */
  close(about: Wanted, attempt: number): Effect | undefined;
  /** All that it holds, as text. */
  text(): string;
}

/** An empty ledger. Where effects are repeatable it deduplicates by effect key; where they are not, it counts what it is told. */
export function createLedger({ effects: mode }: { readonly effects: "once" | "repeatable" }): Ledger {
  const effects: Effect[] = [];
  const closed = new Map<string, number>();
  const find = ({ scope, payload }: Wanted) =>
    effects.find((effect) => effect.scope === scope && effect.payload === payload);
  return {
    effects,
    find,
    make(about, once) {
      if (once.attempt <= (closed.get(about.scope) ?? 0)) return undefined;
      const effectKey = once.effectKey("charge");
      const known = mode === "repeatable" ? effects.find((effect) => effect.effectKey === effectKey) : undefined;
      // Another payload under a known effect key is refused, as payment providers do.
      if (known !== undefined) return known.payload === about.payload ? known : undefined;
      const effect = { id: `e${effects.length + 1}`, ...about, effectKey };
      effects.push(effect);
      return effect;
    },
    close(about, attempt) {
      const found = find(about);
      const { scope } = about;
      if (found === undefined) closed.set(scope, Math.max(attempt, closed.get(scope) ?? 0));
      return found;
    },
    text: () => `${effects.map(({ scope, payload }) => `${scope}${payload}`).join()};${[...closed].join()}`,
  };
}
