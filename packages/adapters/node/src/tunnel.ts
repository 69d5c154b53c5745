import { type ClientRequest, type IncomingMessage, request as sendHttp } from "node:http";
import { request as sendHttps } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { type ForwardTarget, forwardFailure } from "@onceover/core/revisions";
import { checkLimits, type Limits, type TunnelLimits } from "./forward-options.js";
import { joinSockets } from "./joined-sockets.js";
import { answerLines, destinationOf, requestLines } from "./passed-lines.js";
import { hasBody } from "./request-body.js";
import { passRefusal, sendProblem } from "./upgrade-answer.js";

/** After an upgrade to these whole requests would pass, and nobody would look at what they ask for. */
const NEVER_TUNNELLED = /\b(?:h2c?|http|tls)\b/i;

/**
 * Passes an upgrade on, WebSocket or any other of HTTP/1.1, and joins the two connections once the target agrees. Where it
 * does not, its answer is passed on. What goes wrong is answered 503 `revision-unreachable` or 502 `forward-failed`, as it
 * is for requests; an upgrade with a body, or to HTTP/2 or TLS, is answered 502 and goes nowhere.
 *
 * Takes what a server's event `upgrade` gives. Resolves when the client's connection is over; never rejects.
 *
 * @param limits Where not given, `connectTimeoutMs` is 3000 and `headersTimeoutMs` 300000.
 * @throws {TypeError} that names the limit, its rule and the value.
 */
export function tunnelUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  target: ForwardTarget,
  limits: TunnelLimits = {},
): Promise<void> {
  const checked = checkLimits(limits);
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    // What breaks a socket is told by its end.
    socket.on("error", () => {}).once("close", resolve);
    if (head.length > 0) socket.unshift(head);
    const outgoing = ask(request, target);
    if (outgoing === undefined) return refuse(request, socket, target);
    followAnswer(outgoing, request, socket, target, checked);
    outgoing.end();
  });
}

function refuse(request: IncomingMessage, socket: Duplex, target: ForwardTarget): void {
  const detail = "This upgrade cannot be sent on as it came.";
  sendProblem(request, socket, forwardFailure(target, "unsendable", { detail }));
}

/** The request to the target, on a connection of its own; `undefined` where there can be none. */
function ask(request: IncomingMessage, target: ForwardTarget): ClientRequest | undefined {
  const { upgrade = "" } = request.headers;
  if (upgrade === "" || NEVER_TUNNELLED.test(upgrade) || hasBody(request)) return undefined;
  const { path, host } = destinationOf(request);
  const { method = "GET" } = request;
  const headers = [...requestLines(request, host, target), "Connection", "Upgrade", "Upgrade", upgrade];
  // Node would give any other method an empty body in chunks, and its end would be taken for the tunnel's first bytes.
  if (method !== "GET" && request.headers["content-length"] === undefined) headers.push("Content-Length", "0");
  try {
    const { protocol, port, hostname } = new URL(target.address);
    const name = hostname.replace(/^\[|\]$/g, "");
    const send = protocol === "https:" ? sendHttps : sendHttp;
    const servername = isIP(name) === 0 ? name : "";
    // The types do not say that the options of a connection are passed on to it.
    const connection = { hostname: name, port, servername, agent: false, allowHalfOpen: true } as const;
    return send({ ...connection, method, path, headers });
  } catch {
    // Node throws at what it does not send, before it connects.
    return undefined;
  }
}

/** Follows the request until the target has answered, or will not. */
function followAnswer(
  outgoing: ClientRequest,
  request: IncomingMessage,
  socket: Duplex,
  target: ForwardTarget,
  limits: Limits,
): void {
  const phase = limitPhases(outgoing, limits);
  const left = () => void outgoing.destroy();
  const look = () => void (socket.readableLength === 0 && socket.read());
  const settle = () => {
    phase.over();
    socket.off("close", left).off("end", left).off("readable", look);
  };
  // A client that has ended its side, and had nothing to say, is not waiting any more.
  socket.on("close", left).on("end", left).on("readable", look);
  outgoing.once("upgrade", (answer, upstream, head) => {
    settle();
    if (head.length > 0) upstream.unshift(head);
    socket.write(agreement(answer), "latin1");
    joinSockets(socket, upstream);
  });
  outgoing.once("response", (answer) => {
    settle();
    passRefusal(request, socket, answer);
  });
  outgoing.on("error", (cause) => {
    if (phase.current() === "over") return;
    const failure = phase.current() === "asking" ? "unanswered" : "unconnected";
    settle();
    sendProblem(request, socket, forwardFailure(target, failure, { cause }));
  });
}

type Phase = "connecting" | "asking" | "over";

/** Breaks off what takes too long. */
function limitPhases(outgoing: ClientRequest, limits: Limits): { current(): Phase; over(): void } {
  let phase: Phase = "connecting";
  const tooLate = () => void outgoing.destroy(new Error("no answer came in time"));
  let timer = setTimeout(tooLate, limits.connectTimeoutMs);
  outgoing.once("socket", (upstream) => {
    upstream.once("encrypted" in upstream ? "secureConnect" : "connect", () => {
      phase = "asking";
      clearTimeout(timer);
      timer = setTimeout(tooLate, limits.headersTimeoutMs);
    });
  });
  return {
    current: () => phase,
    over() {
      phase = "over";
      clearTimeout(timer);
    },
  };
}

/** The head by which the target agrees, as the client gets it. */
function agreement({ statusMessage = "", rawHeaders, headers }: IncomingMessage): string {
  const lines = [...answerLines(rawHeaders).lines, ["Connection", "Upgrade"], ["Upgrade", headers.upgrade ?? ""]];
  return `HTTP/1.1 101 ${statusMessage}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}
