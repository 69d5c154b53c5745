/** One contender's server, in a process of its own so that its processor time is its own. */

import type { AddressInfo } from "node:net";
import { CONTENDERS, emptyTally, type Order, type Told } from "../protocol.js";
import { makeApp } from "./app.js";

const [name, redisUrl = ""] = process.argv.slice(2);
const contender = CONTENDERS.find((each) => each === name);
if (contender === undefined) throw new TypeError(`the contender must be one of ${CONTENDERS.join(", ")}, got ${name}`);
const tally = emptyTally();
const app = await makeApp(contender, redisUrl, tally);
let begunAt = process.cpuUsage();

const server = app.listen(0, "127.0.0.1", () => {
  tell({ told: "listening", port: (server.address() as AddressInfo).port });
});

process.on("message", (order: Order) => {
  if (order === "begin") begin();
  else tell({ told: "counted", cpuUs: cpuUs(), tally });
});
process.on("disconnect", () => process.exit());

/** No garbage is collected by force: that would also throw away what the engine has learnt about the code. */
function begin(): void {
  tally.runs = 0;
  Object.assign(tally.replays, emptyTally().replays);
  tell({ told: "began" });
  begunAt = process.cpuUsage();
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage(begunAt);
  return user + system;
}

function tell(told: Told): void {
  process.send?.(told);
}
