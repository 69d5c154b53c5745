/** What core costs by itself, over memory and without a server, beside a Map and a JSON record. */

import { createOnceover, type HeaderLine, type Mount, memoryStore, type RequestFacts } from "@onceover/core";
import { paymentBody, receipt } from "../payment.js";
import type { InProcessFigures } from "../protocol.js";

const HEADERS: readonly HeaderLine[] = [["Content-Type", "application/json; charset=utf-8"]];
const MEDIA_TYPE = ["application/json"];
const NONE: readonly string[] = [];

const [rounds = 1, requests = 1] = process.argv.slice(2).map(Number);
const answers = Array.from({ length: requests }, (_, at) => JSON.stringify(receipt({ reference: `in-process-${at}` })));
const arrivals = answers.map((_, at) => factsOf(`in-process-${at}`, JSON.parse(paymentBody(`in-process-${at}`))));

/** What an adapter hands to core for a request whose body was parsed. */
function factsOf(key: string, value: unknown): RequestFacts {
  const keys = [`"${key}"`];
  return {
    method: "POST",
    target: "/payments",
    header: (name) => (name === "idempotency-key" ? keys : name === "content-type" ? MEDIA_TYPE : NONE),
    body: () => ({ outcome: "parsed", value }),
    request: undefined,
  };
}

async function freshByCore(mount: Mount): Promise<void> {
  for (const [at, facts] of arrivals.entries()) {
    const verdict = await mount.attempt(facts);
    if (verdict.action !== "run") throw new Error(`a fresh key led to "${verdict.action}"`);
    verdict.run.head(201, HEADERS, []);
    verdict.run.write(Buffer.from(answers[at] ?? ""));
    await verdict.run.end();
  }
}

/** The last few hundred keys, which the cache holds, over and over. */
async function replayedByCore(mount: Mount): Promise<void> {
  const cached = arrivals.slice(-200);
  for (let at = 0; at < requests; at++) {
    const facts = cached[at % cached.length];
    const verdict = facts && (await mount.attempt(facts));
    if (verdict?.action !== "answer" || verdict.answer.status !== 201) throw new Error("a cached key was not replayed");
  }
}

function freshByFloor(records: Map<string, string>): void {
  for (const [at, facts] of arrivals.entries()) {
    const [key = ""] = facts.header("idempotency-key");
    if (records.has(key)) throw new Error("a fresh key was there already");
    records.set(key, "running");
    records.set(key, JSON.stringify({ status: 201, headers: HEADERS, body: answers[at] }));
  }
}

function replayedByFloor(records: Map<string, string>): void {
  const cached = arrivals.slice(-200);
  for (let at = 0; at < requests; at++) {
    const [key = ""] = cached[at % cached.length]?.header("idempotency-key") ?? NONE;
    const record: { readonly status: number } = JSON.parse(records.get(key) ?? "{}");
    if (record.status !== 201) throw new Error("a recorded key was not replayed");
  }
}

async function cpuUsPerRequest(work: () => Promise<void> | void): Promise<number> {
  const begunAt = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begunAt);
  return (user + system) / requests;
}

async function measure(figures: InProcessFigures): Promise<void> {
  const store = memoryStore({ maxRecords: requests, maxBytes: requests * 4096 + 65_536 });
  const once = createOnceover({ service: "bench", revision: "r1", store, scope: () => "one-tenant" });
  await once.ready();
  const mount = once.mount({ required: true });
  const records = new Map<string, string>();
  figures.fresh.onceover.push(await cpuUsPerRequest(() => freshByCore(mount)));
  figures.fresh.floor.push(await cpuUsPerRequest(() => freshByFloor(records)));
  figures["cached replay"].onceover.push(await cpuUsPerRequest(() => replayedByCore(mount)));
  figures["cached replay"].floor.push(await cpuUsPerRequest(() => replayedByFloor(records)));
}

function noFigures(): InProcessFigures {
  return { fresh: { onceover: [], floor: [] }, "cached replay": { onceover: [], floor: [] } };
}

const warmUp = noFigures();
for (let round = 0; round < 2; round++) await measure(warmUp);
const figures = noFigures();
for (let round = 0; round < rounds; round++) await measure(figures);
process.send?.(figures);
process.disconnect?.();
