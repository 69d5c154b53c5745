import { type Agent, request as httpRequest, type IncomingMessage } from "node:http";

/** What is sent. */
export interface Outgoing {
  readonly port: number;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The client hangs up after this time. @default it waits */
  readonly leaveAfterMs?: number;
}

/** What came. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

const PATIENCE_MS = 30_000;

/** Sends a request; `undefined` where no whole answer came. */
export async function send(agent: Agent, outgoing: Outgoing): Promise<Answer | undefined> {
  const chunks: Buffer[] = [];
  const response = await open(agent, outgoing, (chunk) => void chunks.push(chunk));
  if (response === undefined || !response.complete) return undefined;
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

/** The same, piece by piece: `onData` may hang up. Settles when nothing more comes; never rejects. */
export function open(
  agent: Agent,
  { port, method, path, headers, body, leaveAfterMs = PATIENCE_MS }: Outgoing,
  onData: (chunk: Buffer, response: IncomingMessage) => void,
): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const request = httpRequest({ host: "127.0.0.1", port, method, path, headers, agent });
    const timer = setTimeout(() => request.destroy(), leaveAfterMs);
    let answered: IncomingMessage | undefined;
    request.on("response", (response) => {
      answered = response;
      response.on("data", (chunk: Buffer) => onData(chunk, response));
      // That it was cut off is told by its not being complete.
      response.on("error", () => {});
    });
    // What became of it is told when it is closed.
    request.on("error", () => {});
    request.on("close", () => {
      clearTimeout(timer);
      resolve(answered);
    });
    request.end(body);
  });
}
