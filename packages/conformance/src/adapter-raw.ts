import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { HeaderLine } from "@onceover/core";
import { answerOf, bodyOf, type ClientAnswer, type ClientRequest, headerLines } from "./adapter-request.js";
import { until } from "./adapter-wait.js";

/** A connection on which a case speaks HTTP itself. */
export interface RawConnection {
  write(data: string | Uint8Array): void;
  /** Says that nothing more will be sent; answers can still come. */
  end(): void;
  /** Hangs up. */
  destroy(): void;
  /** What came so far, as latin1. */
  received(): string;
  readonly isClosed: boolean;
  /** Settles when what came satisfies `holds`; rejects after a generous cap, or when the connection ends before. */
  until(holds: (received: string) => boolean): Promise<string>;
  /** Settles when the connection has ended. */
  readonly closed: Promise<void>;
}

/** The text of a request, for a raw connection; `close` asks the server to end the connection behind it. */
export function requestText(request: ClientRequest, { version = "1.1" }: { version?: "1.0" | "1.1" } = {}): string {
  const { method = "POST", path = "/pay" } = request;
  const lines: HeaderLine[] = [["Host", "localhost"], ...headerLines(request)];
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${path} HTTP/${version}\r\n${head}\r\n${bodyOf(request) ?? ""}`;
}

/** Opens a connection on which nothing is said yet. The certificate of a server is not looked at. */
export function openRaw(url: string): RawConnection {
  const { protocol, hostname, port } = new URL(url);
  const where = { host: hostname, port: Number(port), allowHalfOpen: true };
  const socket = protocol === "https:" ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where);
  let received = "";
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => {
      isClosed = true;
      resolve();
    });
  });
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  // A connection that is reset says so by `close`, too.
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  return {
    write: (data) => void socket.write(data),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    received: () => received,
    get isClosed() {
      return isClosed;
    },
    async until(holds) {
      await until("what was waited for came over the connection", () => {
        if (holds(received)) return true;
        if (isClosed) throw new Error(`the connection ended after:\n${received}`);
        return false;
      });
      return received;
    },
    closed,
  };
}

/** The answers in what came over a connection; the last one only if it is whole. An answer framed by the end of the connection is none. */
export function wholeAnswers(received: string): readonly ClientAnswer[] {
  const answers: ClientAnswer[] = [];
  let rest = received;
  for (;;) {
    const parsed = parseOne(rest);
    if (parsed === undefined) return answers;
    answers.push(parsed.answer);
    rest = parsed.rest;
  }
}

function parseOne(text: string): { readonly answer: ClientAnswer; readonly rest: string } | undefined {
  const bodyAt = text.indexOf("\r\n\r\n") + 4;
  if (bodyAt < 4) return undefined;
  const [statusLine = "", ...lines] = text.slice(0, bodyAt - 4).split("\r\n");
  const headers = lines.map((line): HeaderLine => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const head = answerOf(Number(statusLine.split(" ")[1]), headers, Buffer.alloc(0));
  const framed = unframe(head, text.slice(bodyAt));
  if (framed === undefined) return undefined;
  return { answer: answerOf(head.status, headers, Buffer.from(framed.body, "latin1")), rest: framed.rest };
}

function unframe(head: ClientAnswer, text: string): { readonly body: string; readonly rest: string } | undefined {
  if (head.header("transfer-encoding") === "chunked") return unchunk(text);
  const isBare = head.status < 200 || head.status === 204 || head.status === 304;
  const length = isBare ? 0 : Number(head.header("content-length") ?? Number.NaN);
  return text.length >= length ? { body: text.slice(0, length), rest: text.slice(length) } : undefined;
}

function unchunk(text: string): { readonly body: string; readonly rest: string } | undefined {
  let body = "";
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const chunkAt = lineEnd + 2;
    if (text.length < chunkAt + size + 2) return undefined;
    if (size === 0) return { body, rest: text.slice(chunkAt + 2) };
    body += text.slice(chunkAt, chunkAt + size);
    at = chunkAt + size + 2;
  }
}
