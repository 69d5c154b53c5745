import type { RequestFacts } from "../facts.js";
import type { PinnedFetch, PinnedFetchInit } from "../pinned.js";
import { KNOWN_PINS, type PinName, pinName } from "./pin-names.js";

const KNOWN = KNOWN_PINS.map(pinName);

/**
 * `fetch` that sends on the pins of a request, those too that this service has no use for: another one behind it may.
 * `keyOf` makes the key of a step, where there is a run.
 */
export function propagatingFetch(
  facts: Pick<RequestFacts, "header">,
  names: readonly PinName[],
  keyOf: (step: string) => string | undefined,
): PinnedFetch {
  const all = [...KNOWN, ...names.filter(({ name }) => KNOWN.every((known) => known.name !== name))];
  const lines = all.flatMap(({ header, spellings }) => {
    const value = spellings.flatMap((spelling) => facts.header(spelling))[0];
    return value === undefined ? [] : [{ header, spellings, value }];
  });
  return async (input, { step, ...init } = {}) => {
    const headers = headersOf(input, init);
    // Two spellings that disagree would be refused.
    for (const { header, spellings, value } of lines) {
      if (!spellings.some((spelling) => headers.has(spelling))) headers.set(header, value);
    }
    if (step !== undefined && !headers.has("Idempotency-Key")) headers.set("Idempotency-Key", keyOfStep(keyOf, step));
    return fetch(input, { ...init, headers });
  };
}

/** `init` replaces the headers of a request; that is what `fetch` does. */
function headersOf(input: string | URL | Request, { headers }: PinnedFetchInit): Headers {
  return new Headers(headers ?? (input instanceof Request ? input.headers : undefined));
}

function keyOfStep(keyOf: (step: string) => string | undefined, step: string): string {
  const key = keyOf(step);
  if (key !== undefined) return key;
  throw new TypeError(`step needs a request that carries an idempotency key, got ${JSON.stringify(step)}`);
}
