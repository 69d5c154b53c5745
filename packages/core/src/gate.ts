import { createBell } from "./bell.js";
import { OnceoverError } from "./error.js";
import { ask, type Shell } from "./shell.js";
import type { Verified } from "./store.js";

/** Keeps keyed requests out until the store has shown that it keeps its promise. */
export interface Gate {
  /** Why a request cannot be let in, if it cannot. A store that was out of reach, or unfit for a while, is examined again. */
  check(): Promise<"store-unavailable" | "store-unfit" | undefined> | undefined;
  /** What `verify` found. Rejects where the store is unfit or out of reach. */
  ready(): Promise<Verified>;
}

type Examined =
  | { readonly refusal: undefined; readonly verified: Verified }
  | { readonly refusal: "store-unfit"; readonly verified: Verified }
  | { readonly refusal: "store-unavailable"; readonly error: unknown };

/** How long an unfit store is taken for one without looking again: it may have been mended, or have found its replicas. */
const UNFIT_FOR_MS = 5000;

/** An examination that takes longer than this has died with whatever began it, in milliseconds. */
const LONGEST_EXAMINATION_MS = 5000;

/** Examines the store at once. With `onUnfitStore: "warn"` findings are told to the listeners and hold nobody up. */
export function createGate(shell: Shell, onUnfitStore: "refuse" | "warn"): Gate {
  const { platform } = shell;
  const bell = createBell(platform);
  let examined: Examined = { refusal: "store-unavailable", error: undefined };
  let examinedAtMs = 0;
  let begunAtMs: number | undefined;
  // Never rejects: a store that fails is a finding.
  void examine();

  async function examine(): Promise<Examined> {
    begunAtMs = platform.monotonicMs();
    const asked = await ask(shell, "verify", undefined, (store) => store.verify());
    begunAtMs = undefined;
    examinedAtMs = platform.monotonicMs();
    examined = asked.outcome === "failed" ? { refusal: "store-unavailable", error: asked.error } : judge(asked.value);
    bell.ring();
    return examined;
  }

  function judge(verified: Verified): Examined {
    shell.emit({ type: "verified", ...verified });
    const isLetIn = verified.findings.length === 0 || onUnfitStore === "warn";
    return { refusal: isLetIn ? undefined : "store-unfit", verified };
  }

  /** The last examination, or a new one where it came to nothing, or has been bad news for a while. Never rejects. */
  async function latest(): Promise<Examined> {
    const nowMs = platform.monotonicMs();
    const isFresh = nowMs - examinedAtMs < UNFIT_FOR_MS;
    if (examined.refusal === undefined || (examined.refusal === "store-unfit" && isFresh)) return examined;
    const leftMs = begunAtMs === undefined ? 0 : begunAtMs + LONGEST_EXAMINATION_MS - nowMs;
    if (leftMs <= 0) return examine();
    const before = examined;
    await bell.rung(leftMs);
    return examined === before ? latest() : examined;
  }

  return {
    check: () => (examined.refusal === undefined ? undefined : latest().then(({ refusal }) => refusal)),
    async ready() {
      const found = await latest();
      if (found.refusal === undefined) return found.verified;
      const { name } = shell.store;
      if (found.refusal === "store-unfit") throw unfit(name, found.verified);
      throw new OnceoverError(found.refusal, `the ${name} store could not be examined`, { cause: found.error });
    },
  };
}

function unfit(name: string, { findings }: Verified): OnceoverError {
  const told = findings.map(({ setting, problem, mend }) => `${setting}: ${problem} (${mend})`);
  return new OnceoverError("store-unfit", `the ${name} store does not keep its promise: ${told.join("; ")}`);
}
