import { connect as connectSession, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect } from "vitest";
import { expectProblem } from "./adapter-bench.js";
import { connect, send } from "./adapter-client.js";
import { wholeAnswers } from "./adapter-raw.js";
import { bodyOf, type ClientRequest, headerLines } from "./adapter-request.js";
import type { Protocol } from "./adapter-suite.js";

/** Expects a request to be refused at the door: a whole 503 on HTTP/1.1, REFUSED_STREAM on HTTP/2. */
export async function expectRefusal(protocol: Protocol, url: string, request: ClientRequest): Promise<void> {
  if (protocol === "h2") return expect(await resetCode(url, request)).toBe(constants.NGHTTP2_REFUSED_STREAM);
  const answer = await send(connect(url, protocol), request);
  expectProblem(answer, 503, "draining");
  expect(Number(answer.header("retry-after"))).toBeGreaterThanOrEqual(1);
}

/** With what a request's stream was reset (RFC 9113, section 7). */
async function resetCode(url: string, request: ClientRequest): Promise<number | undefined> {
  const session = connectSession(url, { rejectUnauthorized: false });
  session.on("error", () => {});
  const { method = "POST", path = "/pay" } = request;
  const stream = session.request({ ...Object.fromEntries(headerLines(request)), ":method": method, ":path": path });
  stream.on("error", () => {}).resume();
  const closed = new Promise<void>((resolve) => void stream.once("close", resolve));
  stream.end(bodyOf(request));
  await closed;
  session.destroy();
  return stream.rstCode;
}

/** What comes over a connection of which nothing is read until everything has been written, up to the end of a body. */
export async function readAfterWriting(url: string, data: string): Promise<string> {
  const { protocol, hostname, port } = new URL(url);
  const where = { host: hostname, port: Number(port) };
  const socket = protocol === "https:" ? connectTls({ ...where, rejectUnauthorized: false }) : connectTcp(where);
  socket.on("error", () => {});
  await new Promise((resolve) => void socket.write(data, resolve));
  let received = "";
  const whole = new Promise<void>((resolve) => {
    socket.on("close", resolve).on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (wholeAnswers(received).length > 0) resolve();
    });
  });
  await whole;
  socket.destroy();
  return received;
}
