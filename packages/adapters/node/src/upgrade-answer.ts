/** Answers on a connection that wanted to be upgraded; Node's server has let go of it. */

import { type IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import type { Answer } from "@onceover/core";
import { sendAnswer, setStatusMessage } from "./answer.js";
import { cutOff } from "./cut-off.js";
import { setLines } from "./header-lines.js";
import { answerLines } from "./passed-lines.js";

/** How long the client may take to close its end when it was answered, in milliseconds. */
const LINGER_MS = 1000;

/** Answers with a problem. */
export function sendProblem(request: IncomingMessage, socket: Duplex, problem: Answer): void {
  if (!socket.destroyed) sendAnswer(responseOn(request, socket), problem);
}

/** Passes the answer of a target on that does not agree to the upgrade. The connection ends with it: it is nobody's tunnel. */
export function passRefusal(request: IncomingMessage, socket: Duplex, answer: IncomingMessage): void {
  const response = responseOn(request, socket);
  response.statusCode = answer.statusCode ?? 502;
  setStatusMessage(response, answer.statusMessage ?? "");
  setLines(response, answerLines(answer.rawHeaders).lines);
  pipeline(answer, response, (error) => {
    if (error) cutOff(response);
  });
}

function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  // A response asks no more of it than any duplex has.
  response.assignSocket(socket as Socket);
  const drained = () => response.emit("drain");
  socket.on("drain", drained);
  response.once("finish", () => {
    socket.off("drain", drained);
    response.detachSocket(socket as Socket);
    endSlowly(socket);
  });
  return response;
}

/** Closed at once, a connection on which something still comes is reset, and the answer may be lost with it. */
function endSlowly(socket: Duplex): void {
  socket.resume();
  socket.end();
  if (socket instanceof Socket) socket.setTimeout(LINGER_MS, () => socket.destroy());
}
