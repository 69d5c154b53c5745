import type { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../examples/storm/random.js";
import { count } from "../../examples/storm/tally.js";
import { WORDS } from "./search-index.js";
import type { Asked, Seen } from "./seen.js";
import { type Answer, type Outgoing, send } from "./sending.js";

/** What callers have in common. */
export interface CallerGround {
  readonly agent: Agent;
  /** Where the revisions are; each request goes to any of them, as behind a balancer that knows nothing. */
  readonly ports: readonly [number, ...number[]];
  readonly random: Random;
  readonly seen: Seen;
}

/** Whom a caller is, and what it was built against. */
export interface CallerSelf {
  readonly caller: string;
  readonly builtFor: Asked;
}

/** One who asks for what it was built against, and learns what there is when that is gone. */
export interface Caller extends CallerGround, CallerSelf {
  /** What it asks for now. */
  asks(): Asked;
  /** Makes a request that asks for this. */
  outgoing(method: Outgoing["method"], path: string, asked: Asked, headers?: Outgoing["headers"]): Outgoing;
  /** Searches; `undefined` where no answer came. */
  search(asked: Asked): Promise<Answer | undefined>;
  /** Learns which index there is now, as whoever loads the page anew. */
  reload(): Promise<void>;
  /** Counts an answer that is none. */
  refused(answer: Answer | undefined): void;
}

const PAUSE_MS = 150;

/** Begins with what it was built against. */
export function createCaller(ground: CallerGround, self: CallerSelf): Caller {
  const { agent, ports, random, seen } = ground;
  const { caller, builtFor } = self;
  let asks = builtFor;

  function outgoing(
    method: Outgoing["method"],
    path: string,
    asked: Asked,
    headers: Outgoing["headers"] = {},
  ): Outgoing {
    seen.sent += 1;
    return { port: random.pick(ports), method, path, headers: { "X-Caller": caller, ...linesOf(asked), ...headers } };
  }

  async function search(asked: Asked): Promise<Answer | undefined> {
    const answer = await send(agent, outgoing("GET", `/search?q=${random.pick(WORDS)}`, asked));
    if (answer?.status !== 200) refused(answer);
    else seen.searches.push({ asked, ...said(answer) });
    return answer;
  }

  async function reload(): Promise<void> {
    seen.reloads += 1;
    const found = await search(schemaOf(builtFor));
    if (found?.status !== 200 || builtFor.indexHash === undefined) await sleep(PAUSE_MS);
    else asks = { ...builtFor, indexHash: String(found.headers["index-hash"]) };
  }

  function refused(answer: Answer | undefined): void {
    if (answer !== undefined) count(seen.refused, `${answer.status} ${JSON.parse(answer.body).code}`);
  }

  return { ...ground, ...self, asks: () => asks, outgoing, search, reload, refused };
}

/** The schema alone. */
export function schemaOf({ schemaRev }: Asked): Asked {
  return schemaRev === undefined ? {} : { schemaRev };
}

/** What an answer to a search says of itself. */
function said({ body, headers }: Answer): Omit<Seen["searches"][number], "asked"> {
  const { hits, ...evidence } = JSON.parse(body);
  return { evidence, hits, head: { revision: String(headers.revision), indexHash: String(headers["index-hash"]) } };
}

function linesOf({ schemaRev, indexHash }: Asked): Readonly<Record<string, string>> {
  return {
    ...(schemaRev !== undefined && { "Schema-Rev": String(schemaRev) }),
    ...(indexHash !== undefined && { "Index-Hash": indexHash }),
  };
}
