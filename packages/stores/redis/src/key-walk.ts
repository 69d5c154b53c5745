/**
 * A walk over the keys of a store, a page at a time: SCAN on one master after the other.
 *
 * A cursor of SCAN means nothing to another server, so that a walk begins anew when the servers are no longer those it
 * began with. Whoever walks has to bear that a key is met twice; a key that is there throughout is met at least once,
 * unless its slot moves to another master of a Cluster meanwhile.
 */
import { createHash } from "node:crypto";
import type { StoreKey } from "@onceover/core";
import type { Redis } from "ioredis";
import { clientPrefix, mastersOf, type RedisClient } from "./client.js";
import { keysAmong, patternOf } from "./key-names.js";

/** Whose keys: those behind `prefix` that begin with `begins`. */
export interface Ground {
  readonly client: RedisClient;
  readonly prefix: string;
  /** @default every key */
  readonly begins?: string;
}

/** Where a walk stands: SCAN's cursor on one of the masters, as they were when it began. */
export interface Position {
  readonly topology: string;
  readonly master: number;
  readonly scan: string;
}

/** One page of a walk. */
export interface KeyPage {
  readonly keys: readonly StoreKey[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

const KEYS_PER_PAGE = 500;

/** Reads one page; it may hold no key and still not be the last. */
export async function walkKeys({ client, prefix, begins = "" }: Ground, asked: Position): Promise<KeyPage> {
  const { masters, topology } = await survey(client);
  const from = asked.topology === topology ? asked : { topology, master: 0, scan: "0" };
  const master = masters[from.master];
  if (master === undefined) return { keys: [] };
  const whole = clientPrefix(client) + prefix;
  const [scan, names] = await master.scan(from.scan, "MATCH", patternOf(whole + begins), "COUNT", KEYS_PER_PAGE);
  const next = nextPosition({ ...from, scan }, masters.length);
  return { keys: keysAmong(names, whole), ...(next && { cursor: format(next) }) };
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

/** Reads a cursor that a page of `verb` ended with; none is the beginning. Throws a TypeError for anything else. */
export function parseCursor(verb: string, cursor: string | undefined): Position {
  if (cursor === undefined) return { topology: "", master: 0, scan: "0" };
  const [, topology, master, scan] = /^([0-9a-f]{16})-(\d{1,4})-(\d{1,20})$/.exec(cursor) ?? [];
  if (topology === undefined || scan === undefined) {
    throw new TypeError(`cursor must be one that ${verb}() gave, got ${JSON.stringify(cursor)}`);
  }
  return { topology, master: Number(master), scan };
}
