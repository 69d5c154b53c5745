import { type Build, pinKeys } from "../payments-service/build.js";
import type { Delivery } from "./deliveries.js";
import type { Random } from "./random.js";

/** What a request asks for, by its pins. */
export interface Asked {
  readonly schemaRev?: number;
  readonly indexHash?: string;
  /** The revision that the client began with, and the pin it was given for it. */
  readonly pinned?: { readonly revision: string; readonly token: string };
}

/** What a client asks for, first and once it was told that there is no such thing. */
export interface Asking {
  readonly first: Asked;
  /** Absent where what it asks for is there: then a refusal is wrong. */
  readonly reloaded?: Asked;
}

/** A request of a client that does not care. */
export const ASKS_NOTHING: Asked = {};

/** Whether a build has what is asked for. */
export function has({ revision, accepts, indexHash }: Build, asked: Asked): boolean {
  if (asked.pinned !== undefined && asked.pinned.revision !== revision) return false;
  if (asked.indexHash !== undefined && asked.indexHash !== indexHash) return false;
  return asked.schemaRev === undefined || accepts.includes(asked.schemaRev);
}

/** The header lines by which it is asked for. */
export function askedLines({ schemaRev, indexHash, pinned }: Asked): Readonly<Record<string, string>> {
  return {
    ...(schemaRev !== undefined && { "Schema-Rev": String(schemaRev) }),
    ...(indexHash !== undefined && { "Index-Hash": indexHash }),
    ...(pinned !== undefined && { "Revision-Pin": pinned.token }),
  };
}

/** Two builds side by side, of which the newer one may understand the older one's clients, or not. */
export function drawBuilds(random: Random): readonly [older: Build, newer: Build] {
  return [
    { revision: "r1", schemaRev: 11, accepts: [11], indexHash: "A" },
    { revision: "r2", schemaRev: 12, accepts: random.pick([[12], [11, 12]]), indexHash: "B" },
  ];
}

/** Makes requests ask for what clients of these builds ask for; a webhook's sender knows of no builds. */
export async function askers(
  builds: readonly [Build, Build],
  random: Random,
): Promise<(delivery: Delivery) => Delivery> {
  const pins = [await pinTo(builds[0]), await pinTo(builds[1])] as const;
  return (delivery) => {
    if (delivery.path === "/webhooks") return delivery;
    const at = random.between(0, 1) as 0 | 1;
    return { ...delivery, asks: drawAsking(builds[at], pins[at], random) };
  };
}

/** A pin as the service itself would give it. */
async function pinTo({ revision }: Build): Promise<Asked> {
  const expiresAtMs = Date.now() + 24 * 3_600_000;
  return { pinned: { revision, token: await pinKeys().sign({ kind: "pin", revision, epoch: 0, expiresAtMs }) } };
}

/** How clients ask, the more likely the more often it stands here. */
const ASKINGS = ["nothing", "all", "all", "all", "schema", "schema", "pin", "pin", "too-new", "too-old"] as const;

function drawAsking({ schemaRev, indexHash }: Build, pin: Asked, random: Random): Asking {
  const all: Asked = { schemaRev, indexHash };
  switch (random.pick(ASKINGS)) {
    case "nothing":
      return { first: ASKS_NOTHING };
    case "all":
      return { first: all };
    case "schema":
      return { first: { schemaRev } };
    case "pin":
      return { first: pin };
    case "too-new":
      return { first: { schemaRev: TOO_NEW }, reloaded: all };
    case "too-old":
      return { first: { schemaRev: TOO_OLD }, reloaded: all };
    // no default
  }
}

/** A schema revision that no build has yet, and one that none has any more. */
const TOO_NEW = 13;
const TOO_OLD = 10;
