import type { ServerResponse } from "node:http";
import { pipeline, Readable } from "node:stream";
import type { Answer, HeaderLine, LiveAnswer } from "@onceover/core";
import { setLinesBeside } from "./header-lines.js";
import { isHttp2 } from "./node-request.js";

/** Sends an answer. Fields that the middleware in front has set stay, unless the answer has its own. */
export function sendAnswer(response: ServerResponse, { status, headers, chunks }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  setHead(response, status, headers);
  if (status === 204 || status === 304) return void response.end();
  const lengthBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  response.setHeader("Content-Length", lengthBytes);
  for (const chunk of chunks.slice(0, -1)) response.write(chunk);
  response.end(chunks.at(-1));
}

/** Sends an answer that is still on its way, as it comes. What breaks it off breaks this one off, too. */
export function sendLive(response: ServerResponse, { status, headers, body }: LiveAnswer): void {
  if (response.headersSent || response.destroyed) return void body.cancel();
  setHead(response, status, headers);
  response.flushHeaders();
  // Where it fails, the response was destroyed, and that is all there is to do. fromWeb() lets go of the body at once then;
  // from() would first wait for its next chunk, and a quiet stream would hold the place of a client that has gone.
  pipeline(Readable.fromWeb(body), response, () => {});
}

function setHead(response: ServerResponse, status: number, headers: readonly HeaderLine[]): void {
  response.statusCode = status;
  // What a handler left there may be the very thing that cannot be sent.
  setStatusMessage(response, "");
  setLinesBeside(response, headers);
}

/** The status message; HTTP/2 has none, and warns whoever asks. */
export function statusMessageOf(response: ServerResponse): string {
  return isHttp2(response.req) ? "" : response.statusMessage;
}

export function setStatusMessage(response: ServerResponse, message: string): void {
  if (!isHttp2(response.req)) response.statusMessage = message;
}
