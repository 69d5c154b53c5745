/** One server of the bench in a process of its own, as a service would be: it tells its port, and then hears of SIGTERM alone. */

import type { IncomingMessage } from "node:http";
import type { Server } from "node:net";
import type { Duplex } from "node:stream";
import { CONTENDERS, WAITS } from "../contenders.js";
import { openWebSocketServer } from "../untyped.js";
import { openServer } from "./open-server.js";

const [wanted = "", protocol, logPath = "", wait] = process.argv.slice(2);
const name = CONTENDERS.find((each) => each === wanted);
if (name === undefined) throw new Error(`there is no contender ${wanted}`);

const server = await openServer({
  name,
  protocol: protocol === "http2" ? "http2" : "http1",
  logPath,
  wait: WAITS.find((each) => each === wait) ?? "above",
});
if (protocol === "http1") echoWebSockets(server);
endWithParent();
const address = server.address();
if (address === null || typeof address === "string") throw new Error("the server has no port");
process.stdout.write(`${address.port}\n`);

function echoWebSockets(server: Server): void {
  const sockets = openWebSocketServer();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.handleUpgrade(request, socket, head, (connection) => {
      connection.on("error", () => {});
      connection.on("message", (data, binary) => connection.send(data, { binary }));
    });
  });
}

/** Its input ends with the process that started it; it does not keep this one alive. */
function endWithParent(): void {
  process.stdin.on("end", () => process.exit(1)).resume();
  // A pipe, which is a socket to Node.
  if ("unref" in process.stdin) process.stdin.unref();
}
