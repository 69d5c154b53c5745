/** Two revisions of the service, with an index and a model each, and a client that is pinned now to one, now to the other. */

import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Answered, addDocument, listen, type PinFields, search } from "./client.js";
import { type RunningRevision, startRevision } from "./start-revision.js";

const QUESTION = "How many eggs does the queen lay in a day?";
const NOBODYS = "ix1-00000000000000000000000000000000";

const folder = await mkdtemp(join(tmpdir(), "onceover-rag-"));
try {
  const options = { folder, secret: randomBytes(32).toString("base64"), paceMs: 30 };
  const r1 = await startRevision("r1", options);
  // As in a release: the new one comes up beside the old one, and knows of it at once.
  const r2 = await startRevision("r2", options);
  for (const { revision, modelTag, indexHash, url } of [r1, r2]) {
    console.log(`${revision} has ${indexHash} by ${modelTag}, at ${url}`);
  }
  console.log(`\nEverything is asked at r2. "${QUESTION}"\n`);
  await searchPinned(r1, r2);
  const pin = await streamAcross(r1, r2);
  await addOnce(r1, r2);
  await r1.leave();
  console.log("\nr1 has left.\n");
  await searchPinned(r1, r2);
  await show("revision pin of r1", search(r2.url, QUESTION, { "Revision-Pin": pin }));
  await r2.leave();
} finally {
  await rm(folder, { recursive: true });
}

async function searchPinned(r1: RunningRevision, r2: RunningRevision): Promise<void> {
  const asked: readonly (readonly [label: string, pins: PinFields])[] = [
    ["no pin", {}],
    ["index of r1", { "Index-Hash": r1.indexHash }],
    ["index of r2", { "Index-Hash": r2.indexHash }],
    ["model of r1", { "Model-Tag": r1.modelTag }],
    ["index of r1, model of r2", { "Index-Hash": r1.indexHash, "Model-Tag": r2.modelTag }],
    ["index nobody has", { "Index-Hash": NOBODYS }],
  ];
  for (const [label, pins] of asked) await show(label, search(r2.url, QUESTION, pins));
}

/** A stream that r1 began, broken off, and taken up again at r2: as when a load balancer knows nothing of revisions. */
async function streamAcross(r1: RunningRevision, r2: RunningRevision): Promise<string> {
  const first = await listen(r1.url, QUESTION, { most: 5 });
  const pins = { "Revision-Pin": first.pin ?? "", "Last-Event-ID": "5" };
  const rest = await listen(r2.url, QUESTION, { pins });
  const words = [...first.words, ...rest.words];
  console.log(`\nA stream of ${words.length} words, begun at r1, broken off after 5 and taken up again at r2:`);
  console.log(`  ${words.map(({ word }) => word).join(" ")}`);
  console.log(`  said by ${[...new Set(words.map(({ by, model }) => `${by} with ${model}`))].join(", ")}\n`);
  return first.pin ?? "";
}

async function addOnce(r1: RunningRevision, r2: RunningRevision): Promise<void> {
  const key = randomUUID();
  const add = (url: string, pins: PinFields) => addDocument(url, "Bees sleep.", key, pins);
  await show("document, index nobody has", add(r2.url, { "Index-Hash": NOBODYS }));
  await show("same key, index of r1", add(r2.url, { "Index-Hash": r1.indexHash }));
  await show("same key again, no pin", add(r2.url, {}));
}

async function show(label: string, asking: Promise<Answered>): Promise<void> {
  const { status, code, action, revision, model, replayed, hits, takenBy } = await asking;
  const [hit] = hits;
  const found = hit === undefined ? "" : `${hit.passage} (${hit.score.toFixed(2)})`;
  const refused = code === undefined ? "" : [code, action].filter((word) => word !== undefined).join(", ");
  const taken = takenBy === undefined ? "" : `taken by ${takenBy}${replayed ? ", replayed" : ""}`;
  console.log(`  ${label.padEnd(26)} ${status}  ${revision} ${model?.padEnd(9)}  ${found}${refused}${taken}`);
}
