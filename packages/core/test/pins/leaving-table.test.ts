import { describe, expect, it } from "vitest";
import { memoryStore } from "../../src/memory-store.js";
import type { Verdict } from "../../src/verdict.js";
import { fakePlatform } from "../fake-platform.js";
import { announce } from "../revisions/neighbour.js";
import { type ScriptedRegistry, scriptedRegistry } from "../revisions/scripted-registry.js";
import { scriptedStore } from "../scripted-store.js";
import { finish, runOf } from "../support.js";
import { type Asked, KEYS, type Kind, type Outcome, type PinnedService, pinnedService, sideBySide } from "./service.js";
import { cell, rowsOf } from "./table.js";

/**
 * Every request to an instance of `r2`, by how it was told to leave, by where the request is pinned, and by whether `r3` is
 * serving, which has what is asked for. `r1` lets itself be drained, and is there for what is pinned to it. `done` is a POST
 * whose key has a record, `fresh` one with a key nobody has seen, `keyless` one without. "unreadable": nothing could be read
 * of the registry for longer than what is known of others counts. `+pin`: the answer gives out a revision pin.
 */
const TABLE = rowsOf(`
leaving   pinned     r3          document  get               done      fresh             keyless           stream
no        here       serving     served    served            replayed  served            served            served
no        here       leaving     served    served            replayed  served            served            served
no        here       unreadable  served    served            replayed  served            served            served
no        elsewhere  serving     to r1     to r1             to r1     to r1             to r1             to r1
no        elsewhere  leaving     to r1     to r1             to r1     to r1             to r1             to r1
no        elsewhere  unreadable  served    revision-unknown  replayed  revision-unknown  revision-unknown  revision-unknown
no        unpinned   serving     served    served            replayed  served            served            served+pin
no        unpinned   leaving     served    served            replayed  served            served            served+pin
no        unpinned   unreadable  served    served            replayed  served            served            served
no        override   serving     served    served            replayed  served            served            served+pin
no        override   leaving     served    served            replayed  served            served            served+pin
no        override   unreadable  served    served            replayed  served            served            served
local     here       serving     served    served            replayed  served            served            served
local     here       leaving     served    served            replayed  served            served            served
local     here       unreadable  served    served            replayed  served            served            served
local     elsewhere  serving     to r1     to r1             to r1     to r1             to r1             to r1
local     elsewhere  leaving     to r1     to r1             to r1     to r1             to r1             to r1
local     elsewhere  unreadable  299       revision-unknown  replayed  revision-unknown  revision-unknown  revision-unknown
local     unpinned   serving     to r3     to r3             replayed  to r3             to r3             to r3
local     unpinned   leaving     299       299               replayed  299               299               299
local     unpinned   unreadable  299       299               replayed  299               299               299
local     override   serving     served    served            replayed  served            served            served+pin
local     override   leaving     served    served            replayed  served            served            served+pin
local     override   unreadable  served    served            replayed  served            served            served
registry  here       serving     served    served            replayed  served            served            served
registry  here       leaving     served    served            replayed  served            served            served
registry  here       unreadable  served    served            replayed  served            served            served
registry  elsewhere  serving     to r1     to r1             to r1     to r1             to r1             to r1
registry  elsewhere  leaving     to r1     to r1             to r1     to r1             to r1             to r1
registry  elsewhere  unreadable  draining  revision-unknown  replayed  revision-unknown  revision-unknown  revision-unknown
registry  unpinned   serving     to r3     to r3             replayed  to r3             to r3             to r3
registry  unpinned   leaving     draining  draining          replayed  draining          draining          reconnect
registry  unpinned   unreadable  draining  draining          replayed  draining          draining          reconnect
registry  override   serving     served    served            replayed  served            served            served
registry  override   leaving     served    served            replayed  served            served            served
registry  override   unreadable  served    served            replayed  served            served            served
`);

const KINDS: Readonly<Record<string, { readonly kind: Kind; readonly asked: Asked }>> = {
  document: { kind: "document", asked: {} },
  get: { kind: "get", asked: {} },
  done: { kind: "post", asked: { key: "k-done" } },
  fresh: { kind: "post", asked: { key: "k-fresh" } },
  keyless: { kind: "get", asked: { method: "POST" } },
  stream: { kind: "stream", asked: {} },
};

const LEAVE: Readonly<Record<string, (service: PinnedService) => unknown>> = {
  no: () => {},
  local: ({ once }) => once.drain(() => DRAINED),
  registry: ({ once }) => once.pins.drain("r2"),
};

/** What whoever takes the instance out of service says. */
const DRAINED: Verdict = { action: "answer", answer: { status: 299, headers: [], chunks: [Buffer.from("{}")] } };

const pinTo = (revision: string) => KEYS.sign({ kind: "pin", revision, epoch: 0, expiresAtMs: 1_700_003_600_000 });
const PINNED: Readonly<Record<string, () => Promise<Record<string, string>>>> = {
  here: async () => ({ "revision-pin": await pinTo("r2") }),
  elsewhere: async () => ({ "revision-pin": await pinTo("r1") }),
  unpinned: async () => ({}),
  override: async () => ({ "x-release": "r2" }),
};

/** `r2` as the row says, over a registry with `r1` and `r3`, and a store in which `k-done` has a record, which it has at hand. */
async function stage(leaving: string, others: string): Promise<PinnedService> {
  const platform = fakePlatform();
  const registry = scriptedRegistry(platform.monotonicMs);
  const store = scriptedStore(memoryStore({ nowMs: platform.epochMs }));
  const writes = { schemaRev: 12 };
  await (await announce(registry, { revision: "r1", pins: { writes } })).become("draining");
  const r3 = await announce(registry, { revision: "r3", pins: { writes } });
  if (others === "leaving") await r3.become("draining");
  const service = pinnedService({ platform, store, pins: { writes }, revisions: side(registry) });
  await finish(runOf(await service.send({ method: "POST", key: "k-done" })));
  // Replayed once, it is at hand.
  await service.send({ method: "POST", key: "k-done" });
  await LEAVE[leaving]?.(service);
  if (others === "unreadable") {
    registry.down();
    platform.pause(15_001);
    // Somebody was the first to find it so.
    await service.send({ headers: { "x-release": "r3" } });
  }
  store.reset();
  return service;
}

const side = (registry: ScriptedRegistry) => sideBySide(registry, { override: "open" });

function wordOf({ verdict, problem, headers }: Outcome): string {
  const word = typeof problem?.code === "string" ? problem.code : String(verdict);
  return word + (headers["Revision-Pin"] === undefined ? "" : "+pin");
}

describe("a request to an instance that leaves", () => {
  const cases = TABLE.flatMap((row) =>
    Object.keys(KINDS).map((kind) => ({
      leaving: cell(row, "leaving"),
      pinned: cell(row, "pinned"),
      others: cell(row, "r3"),
      kind,
      word: cell(row, kind),
    })),
  );

  it("is in the table in each combination there is", () => {
    expect(cases).toHaveLength(3 * 4 * 3 * 6);
    expect(new Set(cases.map((each) => JSON.stringify({ ...each, word: "" }))).size).toBe(cases.length);
  });

  it.each(cases)("leaving $leaving, pinned $pinned, r3 $others, $kind: $word", async (each) => {
    const { leaving, pinned, others, kind, word } = each;
    const { ask, store, events } = await stage(leaving, others);
    const said = events.length;
    const { kind: usual, asked } = KINDS[kind] ?? { kind: "get", asked: {} };
    const headers = { ...asked.headers, ...(await PINNED[pinned]?.()) };
    const found = wordOf(await ask(usual, { ...asked, headers }));
    expect(found).toBe(word);
    // Whatever did not run here has not touched its key.
    expect(store.count("acquire")).toBe(kind === "fresh" && word === "served" ? 1 : 0);
    const told = events.slice(said).flatMap((event) => {
      if (event.type === "routed") return [`to ${event.revision}`];
      return event.type === "refused" ? [event.code] : [];
    });
    expect(told).toEqual(TOLD[word] ?? (word.startsWith("served") || word === "replayed" ? [] : [word]));
  });
});

/** What an operator is told of a refusal that does not look like one. */
const TOLD: Readonly<Record<string, readonly string[]>> = { "299": ["draining"], reconnect: ["draining"] };
