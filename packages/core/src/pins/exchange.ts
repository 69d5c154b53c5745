import type { HeaderLine, RequestFacts } from "../facts.js";
import type { Once } from "../once.js";
import type { Pinned, PinnedExchange, PinnedFetch, Pins } from "../pinned.js";
import type { Router, Steer } from "../revisions/router.js";
import { ambient } from "./ambient.js";
import { type HeaderReader, type Stamp, sharingOf } from "./head-lines.js";
import type { PinName } from "./pin-names.js";
import { propagatingFetch } from "./propagate.js";

/** What the exchanges of one instance share. */
export interface ExchangeGround {
  readonly revision: string;
  readonly names: readonly PinName[];
  readonly router: Router | undefined;
  readonly stamp: Stamp;
}

/** What is known of one request whose pins were judged. */
export interface Judged {
  readonly facts: Pick<RequestFacts, "method" | "header">;
  readonly asked: Pins;
  readonly live: Pins;
  readonly steer: Steer;
}

/**
 * One request whose pins were judged, for its adapter and its handler. A class, because there is one for each request, and
 * most of them ask for nothing but the lines of its answer.
 */
export class Exchange implements PinnedExchange, Pinned {
  readonly #ground: ExchangeGround;
  readonly #judged: Judged;
  #once: Once | undefined;
  #fetch: PinnedFetch | undefined;

  constructor(ground: ExchangeGround, judged: Judged) {
    this.#ground = ground;
    this.#judged = judged;
  }

  get pinned(): Pinned {
    return this;
  }

  get asked(): Pins {
    return this.#judged.asked;
  }

  get live(): Pins {
    return this.#judged.live;
  }

  get revision(): string {
    return this.#ground.revision;
  }

  /** Handlers take it off: it must do without its object. */
  get fetch(): PinnedFetch {
    this.#fetch ??= propagatingFetch(this.#judged.facts, this.#ground.names, (step) => this.#once?.effectKey(step));
    return this.#fetch;
  }

  /** From here on steps have keys. */
  began(once: Once): void {
    this.#once = once;
  }

  enter<T>(handle: () => T): T {
    return ambient === undefined ? handle() : ambient.run(this, handle);
  }

  async serve(
    answer: (lend: <Given extends Request>(request: Given) => Given) => Promise<Response>,
  ): Promise<Response> {
    const lend = <Given extends Request>(request: Given): Given =>
      Object.defineProperty(request, "pinned", { value: this, configurable: true });
    return this.dressResponse(await this.enter(() => answer(lend)));
  }

  dress(status: number, header: HeaderReader): readonly HeaderLine[] {
    const { stamp, router } = this.#ground;
    const { facts, live, steer } = this.#judged;
    const sharing = sharingOf(facts.method, status, header);
    const lines = stamp(live, sharing === "forbidden" ? undefined : { own: header("vary") });
    const granted = sharing === "allowed" ? undefined : router?.grant(steer, status, header);
    if (granted === undefined || granted.length === 0) return lines;
    return sharing === "forbidden"
      ? [...lines, ...granted]
      : [...lines, privately(header("cache-control")), ...granted];
  }

  dressResponse(response: Response): Response {
    const lines = this.dress(response.status, (name) => response.headers.get(name) ?? undefined);
    try {
      setLines(response.headers, lines);
      return response;
    } catch {
      // One that came from `fetch`, or is a redirect: its head cannot be changed.
      const copy = new Response(response.body, response);
      setLines(copy.headers, lines);
      return copy;
    }
  }
}

/** What belongs to one browser is not for a shared cache. */
function privately(control: string | undefined): HeaderLine {
  return ["Cache-Control", control === undefined || control === "" ? "private" : `${control}, private`];
}

function setLines(headers: Headers, lines: readonly HeaderLine[]): void {
  for (const [name, value] of lines) {
    if (name !== "Set-Cookie") headers.set(name, value);
    else if (!hasCookie(headers, value)) headers.append(name, value);
  }
}

/** A mount further in may have set it. */
function hasCookie(headers: Headers, line: string): boolean {
  const name = line.slice(0, line.indexOf("=") + 1);
  return headers.getSetCookie().some((each) => each.startsWith(name));
}
