/** One server of the bench in a process of its own: the target, which answers, or a contender in front of it. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "@onceover/test/listen";
import { makeProxy, PROXIES } from "./proxies.js";

/** What a server tells: where it listens, and what it has spent since it was asked for the last time. */
export type Told =
  | { readonly told: "listening"; readonly url: string }
  | { readonly told: "spent"; readonly cpuUs: number };

const ANSWER = JSON.stringify({
  id: "pay_1042",
  status: "accepted",
  amount: 1999,
  currency: "eur",
  note: "x".repeat(120),
});

const [name = "", address = ""] = process.argv.slice(2);
const proxy = PROXIES.find((each) => each === name);
const server = createServer(proxy === undefined ? answer : makeProxy(proxy, address));
let begunAt = process.cpuUsage();

process.on("message", () => {
  const { user, system } = process.cpuUsage(begunAt);
  tell({ told: "spent", cpuUs: user + system });
  begunAt = process.cpuUsage();
});
process.on("disconnect", () => process.exit());
tell({ told: "listening", url: (await listen(server)).url });

function answer(incoming: IncomingMessage, response: ServerResponse): void {
  incoming.resume().on("end", () => {
    response.writeHead(201, {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(ANSWER),
      "Cache-Control": "no-store",
      "X-Request-Id": "b1946ac92492d2347c6235b4d2611184",
      Revision: "r2",
    });
    response.end(ANSWER);
  });
}

function tell(told: Told): void {
  process.send?.(told);
}
