import type { Visit } from "./visit.js";

/** Where a visit stands among the others. */
export interface VisitLinks {
  before: VisitLinks | undefined;
  behind: VisitLinks | undefined;
}

/**
 * The visits that are not over, in the order in which they came: a list, because a Set that lives long makes garbage live long,
 * too. The tables it grows out of hold on to the requests that were in them: 4 µs a request.
 */
export class Visits implements Iterable<Visit> {
  readonly #ends: VisitLinks = { before: undefined, behind: undefined };

  constructor() {
    this.#ends.before = this.#ends;
    this.#ends.behind = this.#ends;
  }

  add(visit: Visit): void {
    const { before } = this.#ends;
    visit.before = before;
    visit.behind = this.#ends;
    if (before !== undefined) before.behind = visit;
    this.#ends.before = visit;
  }

  delete(visit: Visit): void {
    const { before, behind } = visit;
    if (before === undefined || behind === undefined) return;
    before.behind = behind;
    behind.before = before;
    visit.before = undefined;
    visit.behind = undefined;
  }

  has(visit: Visit): boolean {
    return visit.behind !== undefined;
  }

  /** Those who are there now; they may leave meanwhile. */
  [Symbol.iterator](): Iterator<Visit> {
    const all: Visit[] = [];
    for (let at = this.#ends.behind; at !== undefined && at !== this.#ends; at = at.behind) all.push(at as Visit);
    return all[Symbol.iterator]();
  }
}
