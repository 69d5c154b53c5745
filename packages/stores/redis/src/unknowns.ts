import { createHash } from "node:crypto";
import type { Found, StoreKey, UnknownPage } from "@onceover/core";
import type { Redis } from "ioredis";
import { clientPrefix, mastersOf, type RedisClient } from "./client.js";
import { keysAmong, patternOf } from "./key-names.js";

/** Where to look, and how to look at one key: `inspect` answers unknown and running records, and none for others. */
export interface Listing {
  readonly client: RedisClient;
  readonly prefix: string;
  readonly inspect: (key: StoreKey) => Promise<Found>;
}

/** Where a listing stands: SCAN's cursor on one of the masters, as they were when it began. */
export interface Position {
  readonly topology: string;
  readonly master: number;
  readonly scan: string;
}

const KEYS_PER_PAGE = 500;

/**
 * Reads one page of the listing. A cursor of SCAN means nothing to another server, so that a listing begins anew when
 * the servers are no longer those it began with; what was listed twice is harmless, what was left out would not be.
 */
export async function listUnknowns(listing: Listing, asked: Position): Promise<UnknownPage> {
  const { client, prefix, inspect } = listing;
  const { masters, topology } = await survey(client);
  const from = asked.topology === topology ? asked : { topology, master: 0, scan: "0" };
  const master = masters[from.master];
  if (master === undefined) return { items: [] };
  const whole = clientPrefix(client) + prefix;
  const [scan, names] = await master.scan(from.scan, "MATCH", patternOf(whole), "COUNT", KEYS_PER_PAGE);
  const found = await Promise.all(keysAmong(names, whole).map((key) => inspectOne(key, inspect)));
  const next = nextPosition({ ...from, scan }, masters.length);
  return { items: found.flat(), ...(next && { cursor: format(next) }) };
}

async function inspectOne(key: StoreKey, inspect: Listing["inspect"]): Promise<UnknownPage["items"]> {
  const found = await inspect(key);
  if (found.outcome !== "unknown") return [];
  const { outcome: _, ...rest } = found;
  return [{ key, ...rest }];
}

function nextPosition(after: Position, masters: number): Position | undefined {
  if (after.scan !== "0") return after;
  return after.master + 1 < masters ? { ...after, master: after.master + 1 } : undefined;
}

/** The masters in a stable order, and a digest that changes when one of them restarts or is replaced. */
async function survey(client: RedisClient): Promise<{ masters: Redis[]; topology: string }> {
  const masters = await mastersOf(client);
  const runs = await Promise.all(masters.map((master) => runId(master)));
  const inOrder = runs.map((run, index) => ({ run, master: masters[index] })).sort((a, b) => (a.run < b.run ? -1 : 1));
  const topology = createHash("sha256")
    .update(inOrder.map(({ run }) => run).join())
    .digest("hex")
    .slice(0, 16);
  return { masters: inOrder.flatMap(({ master }) => master ?? []), topology };
}

async function runId(master: Redis): Promise<string> {
  return /^run_id:(\w+)/m.exec(await master.info("server"))?.[1] ?? "";
}

function format({ topology, master, scan }: Position): string {
  return `${topology}-${master}-${scan}`;
}

/** Reads a cursor that a page ended with; none is the beginning. Throws a TypeError for anything else. */
export function parseCursor(cursor: string | undefined): Position {
  if (cursor === undefined) return { topology: "", master: 0, scan: "0" };
  const [, topology, master, scan] = /^([0-9a-f]{16})-(\d{1,4})-(\d{1,20})$/.exec(cursor) ?? [];
  if (topology === undefined || scan === undefined) {
    throw new TypeError(`cursor must be one that unknowns() gave, got ${JSON.stringify(cursor)}`);
  }
  return { topology, master: Number(master), scan };
}
