/** What the fetch wrapper costs over memory and without a server, beside the least a correct wrapper does. */

import { createOnceover, memoryStore } from "@onceover/core";
import { withOnceover } from "@onceover/fetch";
import { CACHED_KEYS, paymentBody, receipt } from "../payment.js";
import type { InProcessFigures } from "../protocol.js";
import { floorOverMemory } from "./fetch-floor.js";
import { cpuUsPerRequest } from "./processor-time.js";

type Handler = (request: Request) => Promise<Response>;

/** How many requests are made ready at a time: few enough for their bodies not to grow old before they are read. */
const BATCH = 500;

/** Each call of the result measures one round of `requests` payments. */
export function fetchInProcess(requests: number): (figures: InProcessFigures) => Promise<void> {
  return async (figures) => {
    const store = memoryStore({ maxRecords: requests, maxBytes: requests * 4096 + 65_536 });
    const once = createOnceover<Request>({ service: "bench", revision: "r1", store, scope: () => "one-tenant" });
    await once.ready();
    const handlers = { onceover: withOnceover(once, pay, { required: true }), floor: floorOverMemory(pay) };
    const fresh = (at: number) => at;
    const cached = (at: number) => requests - 1 - (at % CACHED_KEYS);
    await measure(handlers, requests, fresh, figures["fetch, fresh"]);
    await measure(handlers, requests, cached, figures["fetch, cached replay"]);
  };
}

async function pay(request: Request): Promise<Response> {
  return Response.json(receipt((await request.json()) as { reference: unknown }), { status: 201 });
}

/** Batch by batch, in turn; making the requests is not counted. */
async function measure(
  handlers: Record<"onceover" | "floor", Handler>,
  requests: number,
  keyOf: (at: number) => number,
  figures: Record<"onceover" | "floor", number[]>,
): Promise<void> {
  const sums = { onceover: 0, floor: 0 };
  for (let from = 0; from < requests; from += BATCH) {
    const count = Math.min(BATCH, requests - from);
    for (const name of ["onceover", "floor"] as const) {
      const batch = Array.from({ length: count }, (_, at) => payment(keyOf(from + at)));
      sums[name] += await cpuUsPerRequest(requests, () => serve(handlers[name], batch));
    }
  }
  figures.onceover.push(sums.onceover);
  figures.floor.push(sums.floor);
}

function payment(at: number): Request {
  const headers = { "content-type": "application/json", "idempotency-key": `"in-process-${at}"` };
  return new Request("http://bench/payments", { method: "POST", headers, body: paymentBody(`in-process-${at}`) });
}

async function serve(handler: Handler, batch: readonly Request[]): Promise<void> {
  for (const request of batch) {
    const { status } = await handler(request);
    if (status !== 201) throw new Error(`a payment was answered ${status}`);
  }
}
