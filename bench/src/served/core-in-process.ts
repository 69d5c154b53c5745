/** What core costs by itself, over memory and without a server, beside a Map and a JSON record. */

import { createOnceover, type HeaderLine, type Mount, memoryStore, type RequestFacts } from "@onceover/core";
import { CACHED_KEYS, paymentBody, receipt } from "../payment.js";
import type { InProcessFigures } from "../protocol.js";
import { cpuUsPerRequest } from "./processor-time.js";

const HEADERS: readonly HeaderLine[] = [["Content-Type", "application/json; charset=utf-8"]];
const MEDIA_TYPE = ["application/json"];
const NONE: readonly string[] = [];

/** Prepares `requests` payments; each call of the result measures one round of them. */
export function coreInProcess(requests: number): (figures: InProcessFigures) => Promise<void> {
  const answers = Array.from({ length: requests }, (_, at) => receiptText(at));
  const arrivals = answers.map((_, at) => factsOf(`in-process-${at}`, JSON.parse(paymentBody(`in-process-${at}`))));
  const cached = Array.from({ length: requests }, (_, at) => arrivals.at(-1 - (at % CACHED_KEYS)));
  return async (figures) => {
    const store = memoryStore({ maxRecords: requests, maxBytes: requests * 4096 + 65_536 });
    const once = createOnceover({ service: "bench", revision: "r1", store, scope: () => "one-tenant" });
    await once.ready();
    const mount = once.mount({ required: true });
    const records = new Map<string, string>();
    const measure = (work: () => Promise<void> | void) => cpuUsPerRequest(requests, work);
    const { "core, fresh": fresh, "core, cached replay": replay } = figures;
    fresh.onceover.push(await measure(() => freshByCore(mount, arrivals, answers)));
    fresh.floor.push(await measure(() => freshByFloor(records, arrivals, answers)));
    replay.onceover.push(await measure(() => replayedByCore(mount, cached)));
    replay.floor.push(await measure(() => replayedByFloor(records, cached)));
  };
}

function receiptText(at: number): string {
  return JSON.stringify(receipt({ reference: `in-process-${at}` }));
}

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

async function freshByCore(mount: Mount, arrivals: readonly RequestFacts[], answers: readonly string[]): Promise<void> {
  for (const [at, facts] of arrivals.entries()) {
    const verdict = await mount.attempt(facts);
    if (verdict.action !== "run") throw new Error(`a fresh key led to "${verdict.action}"`);
    verdict.run.head(201, HEADERS, []);
    verdict.run.write(Buffer.from(answers[at] ?? ""));
    await verdict.run.end();
  }
}

async function replayedByCore(mount: Mount, cached: readonly (RequestFacts | undefined)[]): Promise<void> {
  for (const facts of cached) {
    const verdict = facts && (await mount.attempt(facts));
    if (verdict?.action !== "answer" || verdict.answer.status !== 201) throw new Error("a cached key was not replayed");
  }
}

function freshByFloor(
  records: Map<string, string>,
  arrivals: readonly RequestFacts[],
  answers: readonly string[],
): void {
  for (const [at, facts] of arrivals.entries()) {
    const [key = ""] = facts.header("idempotency-key");
    if (records.has(key)) throw new Error("a fresh key was there already");
    records.set(key, "running");
    records.set(key, JSON.stringify({ status: 201, headers: HEADERS, body: answers[at] }));
  }
}

function replayedByFloor(records: Map<string, string>, cached: readonly (RequestFacts | undefined)[]): void {
  for (const facts of cached) {
    const [key = ""] = facts?.header("idempotency-key") ?? NONE;
    const record: { readonly status: number } = JSON.parse(records.get(key) ?? "{}");
    if (record.status !== 201) throw new Error("a recorded key was not replayed");
  }
}
