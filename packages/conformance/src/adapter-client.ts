import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { HeaderLine } from "@onceover/core";

/** A request, as a case sends it. */
export interface ClientRequest {
  /** @default "POST" */
  readonly method?: string;
  /** @default "/pay" */
  readonly path?: string;
  /** The value of `Idempotency-Key`, as it goes over the wire. @default no such header */
  readonly key?: string;
  /** The value of the header that names the caller; `null` for none. @default "alice" */
  readonly caller?: string | null;
  readonly headers?: readonly HeaderLine[];
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is; its media type belongs into `headers`. */
  readonly body?: string | Uint8Array;
}

/** A whole answer. */
export interface ClientAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Buffer;
  readonly text: string;
  /** The first line of a name. */
  header(name: string): string | undefined;
  /** All lines of a name. */
  lines(name: string): readonly string[];
}

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

const CALLER = "X-Caller";
const CAP_MS = 20_000;

/** The header that names the caller, for `AdapterSetup.scope`. */
export const CALLER_HEADER = CALLER.toLowerCase();

/** Sends one request on a connection of its own; rejects where the answer is cut off. `signal` hangs up. */
export function send(url: string, request: ClientRequest, signal?: AbortSignal): Promise<ClientAnswer> {
  const { method = "POST", path = "/pay" } = request;
  const headers = headerLines(request).flat();
  // Node adds no Host to a list of headers.
  const options = { method, agent: false, headers: ["Host", new URL(url).host, ...headers], ...(signal && { signal }) };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${url}${path}`, options, (response) => collect(response).then(resolve, reject));
    sent.on("error", reject);
    sent.end(bodyOf(request));
  });
}

function bodyOf({ json, body }: ClientRequest): string | Uint8Array | undefined {
  return json === undefined ? body : JSON.stringify(json);
}

/** Everything but `Host`; `Content-Length` wherever there is a body whose framing the case does not give itself. */
function headerLines(request: ClientRequest): HeaderLine[] {
  const { key, caller = "alice", headers = [], json } = request;
  const lines: HeaderLine[] = [];
  if (caller !== null) lines.push([CALLER, caller]);
  if (key !== undefined) lines.push(["Idempotency-Key", key]);
  if (json !== undefined) lines.push(["Content-Type", "application/json"]);
  lines.push(...headers);
  const isFramed = headers.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name));
  const body = bodyOf(request);
  if (body !== undefined && !isFramed) lines.push(["Content-Length", String(Buffer.byteLength(body))]);
  return lines;
}

async function collect(response: IncomingMessage): Promise<ClientAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  if (!response.complete) throw new Error("the answer was cut off");
  const { rawHeaders } = response;
  const headers = Array.from(
    { length: rawHeaders.length / 2 },
    (_, at): HeaderLine => [rawHeaders[2 * at] ?? "", rawHeaders[2 * at + 1] ?? ""],
  );
  return answerOf(response.statusCode ?? 0, headers, Buffer.concat(chunks));
}

function answerOf(status: number, headers: readonly HeaderLine[], body: Buffer): ClientAnswer {
  const lines = (name: string) =>
    headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return { status, headers, body, text: body.toString(), lines, header: (name) => lines(name)[0] };
}

/** The text of a request, for a raw connection; `close` asks the server to end the connection behind it. */
export function requestText(request: ClientRequest, { version = "1.1" }: { version?: "1.0" | "1.1" } = {}): string {
  const { method = "POST", path = "/pay" } = request;
  const lines: HeaderLine[] = [["Host", "localhost"], ...headerLines(request)];
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${path} HTTP/${version}\r\n${head}\r\n${bodyOf(request) ?? ""}`;
}

/** Opens a connection on which nothing is said yet. */
export function openRaw(url: string): RawConnection {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
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

/** Polls until `holds`; rejects with `what` after a cap that no healthy server comes near. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedMs > CAP_MS) throw new Error(`waited in vain until ${what}`);
    await pause(2);
  }
}

/** Settles after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
