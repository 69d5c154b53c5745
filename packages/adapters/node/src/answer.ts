import type { ServerResponse } from "node:http";
import type { Answer } from "@onceover/core";
import { setLines } from "./header-lines.js";

/** Sends an answer. Fields that the middleware in front has set stay, unless the answer has its own. */
export function sendAnswer(response: ServerResponse, { status, headers, chunks }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = status;
  // What a handler left there may be the very thing that cannot be sent. HTTP/2 has no such field.
  if (response.req.httpVersionMajor < 2) response.statusMessage = "";
  setLines(response, headers);
  if (status === 204 || status === 304) return void response.end();
  const lengthBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  response.setHeader("Content-Length", lengthBytes);
  for (const chunk of chunks.slice(0, -1)) response.write(chunk);
  response.end(chunks.at(-1));
}
