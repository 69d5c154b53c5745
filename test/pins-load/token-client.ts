import type { Agent, IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { TokenStream } from "./seen.js";
import { type Answer, type Outgoing, open } from "./sending.js";
import type { Evidence } from "./service.js";
import { TOKENS } from "./token-streams.js";

/** What it takes to follow a stream. */
export interface FollowOptions {
  readonly agent: Agent;
  /** Whether the client leaves half way, and takes the stream up again. */
  readonly leaves: boolean;
  /** Makes a request; `headers` are there where a stream is taken up again. */
  outgoing(path: string, headers?: Outgoing["headers"]): Outgoing;
}

/** What came of it. */
export interface Followed {
  readonly stream: Omit<TokenStream, "asked">;
  readonly refusals: readonly Answer[];
}

const LEAVE_AT = 5;
const PAUSE_MS = 100;
const MOST_CONNECTIONS = 50;

/** Follows a stream to its end, as an `EventSource` that keeps its cookies would. */
export async function followTokens({ agent, leaves, outgoing }: FollowOptions): Promise<Followed> {
  const path = `/tokens?stream=${crypto.randomUUID()}`;
  const tokens: (Evidence & { readonly id: number })[] = [];
  const refusals: Answer[] = [];
  let cookie: string | undefined;
  const finished = (end: TokenStream["end"], connections: number): Followed => {
    return { stream: { tokens, reconnects: connections - 1, end }, refusals };
  };
  for (let connections = 1; connections < MOST_CONNECTIONS; connections += 1) {
    const request = outgoing(path, cookie === undefined ? undefined : resumeLines(tokens.at(-1)?.id ?? 0, cookie));
    const isToLeave = leaves && cookie === undefined;
    const read = reader(tokens, isToLeave ? LEAVE_AT : TOKENS);
    const response = await open(agent, request, read.data);
    if (tokens.length >= TOKENS) return finished("whole", connections);
    if (response?.statusCode === 200) cookie ??= pinCookie(response.headers["set-cookie"]);
    else if (response !== undefined) refusals.push(answerOf(response, read.text()));
    if (response?.statusCode === 412 || response?.statusCode === 410) {
      return finished(cookie === undefined ? "refused" : "lost", connections);
    }
    await sleep(PAUSE_MS);
  }
  return finished("lost", MOST_CONNECTIONS);
}

function resumeLines(last: number, cookie: string): Outgoing["headers"] {
  return { "Last-Event-ID": String(last), Cookie: cookie };
}

/** What a browser would keep of the cookie. */
function pinCookie(lines: readonly string[] = []): string | undefined {
  return lines.find((line) => line.startsWith("__Host-revision-pin="))?.split(";")[0];
}

/** Reads events as they come, and hangs up when it has the one it was to leave at. */
function reader(tokens: (Evidence & { readonly id: number })[], leaveAt: number) {
  let text = "";
  let unread = "";
  return {
    text: () => text,
    data(chunk: Buffer, response: IncomingMessage) {
      text += chunk.toString();
      if (response.statusCode !== 200) return;
      unread += chunk.toString();
      const events = unread.split("\n\n");
      unread = events.pop() ?? "";
      for (const event of events) tokens.push(tokenOf(event));
      if (leaveAt < TOKENS && tokens.length >= leaveAt) response.destroy();
    },
  };
}

function tokenOf(event: string): Evidence & { readonly id: number } {
  const [, id, data = ""] = /^id: (\d+)\ndata: (.*)$/.exec(event) ?? [];
  return { id: Number(id), ...JSON.parse(data) };
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, body: string): Answer {
  return { status: statusCode, headers, body };
}
