/** `npm run bench:forward`: what a forwarded request costs beside the same by undici, written by hand and without care. */

import { openConnection, requestBytes } from "../connection.js";
import { ratioOf, spreadOf } from "../statistics.js";
import { markdown, plain, show } from "../table.js";
import { drive } from "../workload.js";
import { buildServer, type ServerProcess, startServer } from "./processes.js";
import { PROXIES, type ProxyName } from "./proxies.js";

const IN_FLIGHT = [64, 1] as const;
const BODY = JSON.stringify({ reference: "order-1042", amount: 1999, currency: "eur", note: "x".repeat(120) });
const GET = Buffer.from(
  "GET /payments/1042?expand=all HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\nSchema-Rev: 12\r\n\r\n",
);
const WORKLOADS = { GET, POST: requestBytes("/payments", "k-1042", BODY) } as const;

const [layOut, numbers] = process.argv.includes("--markdown")
  ? [markdown, process.argv.slice(3)]
  : [plain, process.argv.slice(2)];
const [rounds = 7, requests = 3000] = numbers.map(Number);

interface Row {
  readonly workload: keyof typeof WORKLOADS;
  readonly inFlight: number;
  readonly cpuUs: Readonly<Record<ProxyName, number[]>>;
}

const built = await buildServer();
const target = await startServer(built, "target");
const servers = await Promise.all(PROXIES.map((name) => startServer(built, name, target.url)));
try {
  const rows = (["GET", "POST"] as const).flatMap((workload) =>
    IN_FLIGHT.map((inFlight): Row => ({ workload, inFlight, cpuUs: { request: [], pipeline: [], onceover: [] } })),
  );
  // What comes before the first round is for the compiler.
  for (let round = -2; round < rounds; round++) for (const row of rows) await measure(row, round);
  console.log(layOut(tableOf(rows)));
} finally {
  await Promise.all([target, ...servers].map((server) => server.stop()));
  await built.remove();
}

/** All contenders one after the other, each round in another order: the machine is not the same from one second to the next. */
async function measure({ workload, inFlight, cpuUs }: Row, round: number): Promise<void> {
  for (let at = 0; at < PROXIES.length; at++) {
    const index = (at + Math.abs(round)) % PROXIES.length;
    const [name, server] = [PROXIES[index], servers[index]];
    if (name === undefined || server === undefined) continue;
    const spentUs = await spentOn(server, WORKLOADS[workload], inFlight);
    if (round >= 0) cpuUs[name].push(spentUs / requests);
  }
}

async function spentOn(server: ServerProcess, request: Buffer, inFlight: number): Promise<number> {
  const port = Number(new URL(server.url).port);
  const clients = await Promise.all(Array.from({ length: inFlight }, async () => [await openConnection(port)]));
  await server.spentUs();
  const { answered } = await drive(clients, Array<Buffer>(requests).fill(request));
  const spentUs = await server.spentUs();
  for (const connection of clients.flat()) connection.close();
  if (answered !== requests) throw new Error(`${answered} of ${requests} requests were answered`);
  return spentUs;
}

function tableOf(rows: readonly Row[]) {
  return {
    title: `Processor time of the forwarding process per request: median (least–most) of ${rounds} rounds of ${requests}`,
    head: [
      "workload",
      "in flight",
      "request µs",
      "pipeline µs",
      "onceover µs",
      "onceover : request",
      "onceover : pipeline",
    ],
    rows: rows.map(({ workload, inFlight, cpuUs }) => [
      workload,
      String(inFlight),
      ...PROXIES.map((name) => show(spreadOf(cpuUs[name]), 0)),
      show(ratioOf(cpuUs.onceover, cpuUs.request), 2),
      show(ratioOf(cpuUs.onceover, cpuUs.pipeline), 2),
    ]),
  };
}
