import { once as happens } from "node:events";
import {
  type ClientHttp2Session,
  connect as connectSession,
  constants,
  createSecureServer,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import type { Server } from "node:net";
import { LOCALHOST } from "@onceover/test/localhost";
import { sleep, until } from "@onceover/test/wait";
import { Agent, request as undiciRequest } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { outcomesOf, PATIENT, STILL, stage } from "./drain-stage.js";
import { FRAME, rawClient } from "./raw-http2.js";
import { startLoad } from "./steady-load.js";

const MOST_STREAM_ID = 2 ** 31 - 1;
const { NGHTTP2_REFUSED_STREAM } = constants;

type Listener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

afterEach(() => {
  process.exitCode = undefined;
});

const SERVERS = [
  { name: "h2c", make: (listener: Listener): Server => createServer(listener) },
  {
    name: "h2",
    // What a client of HTTP/1 gives is of another type, and of no interest here.
    make: (listener: Listener): Server =>
      createSecureServer({ ...LOCALHOST, allowHTTP1: true }, (request, response) => listener(request, response)),
  },
];

/** Keeps answers back until they are let go. */
function holding() {
  const held: Http2ServerResponse[] = [];
  const ran: string[] = [];
  const listener: Listener = (request, response) => {
    ran.push(request.url);
    if (request.url.startsWith("/held")) held.push(response);
    else response.end("answered");
  };
  return { listener, held, ran };
}

interface Talk {
  readonly session: ClientHttp2Session;
  /** The last stream ids that were named. */
  readonly goaways: number[];
}

async function talk(url: string): Promise<Talk> {
  const session = connectSession(url, { rejectUnauthorized: false });
  const goaways: number[] = [];
  session.on("goaway", (_code, lastStreamId) => goaways.push(lastStreamId)).on("error", () => {});
  await happens(session, "remoteSettings");
  return { session, goaways };
}

type Answer = { readonly status: number; readonly body: string } | { readonly resetCode: number };

function ask(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = session.request({ ":path": path, ...headers });
    let status = 0;
    let body = "";
    let isWhole = false;
    stream.setEncoding("utf8").on("error", () => {});
    stream.on("response", (lines) => {
      status = lines[":status"] ?? 0;
    });
    stream.on("data", (chunk: string) => {
      body += chunk;
    });
    stream.on("end", () => {
      isWhole = status !== 0 && stream.rstCode === 0;
    });
    stream.on("close", () => resolve(isWhole ? { status, body } : { resetCode: stream.rstCode ?? -1 }));
  });
}

const ANSWERED = { status: 200, body: "answered" };

describe.concurrent.each(SERVERS)("$name", ({ make }) => {
  it("GOAWAY comes in two steps, the true id last, and every stream that was let in is answered", async () => {
    const { listener, held } = holding();
    const { url, drain, close } = await stage(make(listener), { plan: PATIENT });
    const client = rawClient(url, { answersPings: true });
    for (const id of [1, 3, 5]) client.request(id, "/held");
    await until("all are in flight", () => held.length === 3);
    const reporting = drain.start();
    await until("nothing new is begun", () => drain.state === "drain");
    expect(client.goaways).toEqual([]);
    for (const response of held) response.end("answered");
    const report = await reporting;
    await until("the session is over", () => client.isClosed());
    expect(client.ended()).toEqual([1, 3, 5]);
    // The end of a session repeats the last one.
    expect([...new Set(client.goaways)]).toEqual([MOST_STREAM_ID, 5]);
    expect(report).toMatchObject({ verdict: "clean", requests: { atStart: 3, finished: 3 } });
    expect(report.phases.farewell.endedBy).toBe("done");
    await close();
  });

  it("during the drain a new stream is refused by REFUSED_STREAM and runs nothing, one with a key is let in, and a session that is pressed is told", async () => {
    const { listener, held, ran } = holding();
    const { url, drain, close } = await stage(make(listener), { plan: PATIENT });
    const { session, goaways } = await talk(url);
    const slow = ask(session, "/held");
    await until("one is in flight", () => held.length === 1);
    const reporting = drain.start();
    await until("nothing new is begun", () => drain.state === "drain");
    expect(await ask(session, "/new")).toEqual({ resetCode: NGHTTP2_REFUSED_STREAM });
    expect(await ask(session, "/keyed", { ":method": "POST", "idempotency-key": "a" })).toEqual(ANSWERED);
    expect(ran).toEqual(["/held", "/keyed"]);
    await until("the client is told to begin no more", () => goaways.length > 0);
    held[0]?.end("answered");
    expect(await slow).toEqual(ANSWERED);
    expect(await reporting).toMatchObject({
      verdict: "clean",
      requests: { atStart: 1, served: 1, refused: 1, finished: 2, gone: 0, cut: 0 },
    });
    await close();
  });

  it("a session that is opened during the hold is served, and one that stays idle is closed", async () => {
    const { listener } = holding();
    const { url, drain, close } = await stage(make(listener), { plan: { ...PATIENT, holdMs: 10_000, quietMs: 3000 } });
    const idle = await talk(url);
    const reporting = drain.start();
    const late = await talk(url);
    expect(await ask(late.session, "/late")).toEqual(ANSWERED);
    expect(await ask(late.session, "/later")).toEqual(ANSWERED);
    const report = await reporting;
    await until("both sessions are over", () => idle.session.destroyed && late.session.destroyed);
    expect(report).toMatchObject({ verdict: "clean", requests: { served: 2, finished: 2 } });
    expect(report.phases.farewell.endedBy).toBe("done");
    await close();
  });

  it("an endless event stream is handed off with its last id", async () => {
    const { url, drain, close } = await stage(make(news), { isEndless: ({ url }) => url === "/news" });
    const { session } = await talk(url);
    const stream = ask(session, "/news", { accept: "text/event-stream" });
    await sleep(50);
    const report = await drain.start();
    const answer = await stream;
    expect(answer).toMatchObject({ status: 200 });
    expect("body" in answer && answer.body).toMatch(/retry: ?\d+\n/);
    expect(outcomesOf(report)).toEqual({ "handed-off": 1 });
    const { lastId, events } = report.streams[0] ?? {};
    expect("body" in answer && answer.body.match(/^data: /gm)?.length).toBe(events);
    expect(Number(lastId)).toBe(events);
    await close();
  });

  it("under load no request that ran is left unanswered, and none ran that was refused", async () => {
    const { listener, answered, ran } = slowly();
    const { url, drain, close } = await stage(make(listener), { plan: PATIENT });
    const load = startLoad(nodeClient(url));
    await until("200 are in flight", () => ran.size - answered.size >= 200 || ran.size > 2000);
    const report = await drain.start();
    const outcomes = await load.stop();
    expect(outcomes.unanswered.filter((id) => ran.has(id))).toEqual([]);
    expect(outcomes.answered.size).toBe(ran.size);
    expect(outcomes.unanswered.length).toBeGreaterThan(0);
    const { atStart, served, finished, gone, cut } = report.requests;
    expect({ gone, cut, open: atStart + served - finished }).toEqual({ gone: 0, cut: 0, open: 0 });
    await close();
  });
});

describe.concurrent("clients of their own mind", () => {
  it("undici under load: no request that ran is left unanswered, and none runs twice", async () => {
    const { listener, ran, times } = slowly();
    const server = createSecureServer({ ...LOCALHOST, allowHTTP1: true }, (request, response) =>
      listener(request, response),
    );
    const { url, drain, close } = await stage(server, { plan: PATIENT });
    const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
    const load = startLoad(async (id) => {
      const { body } = await undiciRequest(`${url}/${id}`, { dispatcher });
      return (await body.text()) === "answered";
    });
    await until("it is under load", () => ran.size > 500);
    const report = await drain.start();
    const outcomes = await load.stop();
    expect(outcomes.unanswered.filter((id) => ran.has(id))).toEqual([]);
    expect(Math.max(...times.values())).toBe(1);
    expect(report).toMatchObject({ verdict: "clean", requests: { gone: 0 } });
    await dispatcher.destroy();
    await close();
  });

  it("a stream that crosses with a GOAWAY runs nothing, and the next GOAWAY says so at once", async () => {
    const { listener, ran } = holding();
    const { url, drain, close } = await stage(createServer(listener), { plan: PATIENT });
    const client = rawClient(url, { answersPings: true });
    client.request(1);
    await until("it was answered", () => client.has(FRAME.headers));
    const reporting = drain.start();
    await until("a GOAWAY has come", () => client.goaways.length > 0);
    client.request(3);
    const report = await reporting;
    await until("the connection is closed", () => client.isClosed());
    expect(ran).toHaveLength(1);
    expect([...new Set(client.goaways)]).toEqual([MOST_STREAM_ID, 1]);
    expect(report.phases.farewell.endedBy).toBe("done");
    await close();
  });

  it("a client that answers no ping is told the true id at the farewell, and its streams are answered", async () => {
    const { listener, held } = holding();
    const { url, drain, close } = await stage(createServer(listener), { plan: PATIENT });
    const silent = rawClient(url, { answersPings: false });
    silent.request(1);
    await until("it was answered", () => silent.has(FRAME.headers));
    const keeping = rawClient(url, { answersPings: true });
    keeping.request(1, "/held");
    await until("the other one is in flight", () => held.length === 1);
    const reporting = drain.start();
    await until("a GOAWAY has come", () => silent.goaways.length > 0);
    expect(silent.goaways).toEqual([MOST_STREAM_ID]);
    held[0]?.end("answered");
    const report = await reporting;
    await until("both are closed", () => silent.isClosed() && keeping.isClosed());
    expect([...new Set(silent.goaways)]).toEqual([MOST_STREAM_ID, 1]);
    expect([...new Set(keeping.goaways)]).toEqual([MOST_STREAM_ID, 1]);
    expect(report).toMatchObject({ verdict: "clean", requests: { finished: 1 } });
    await close();
  });

  it("a stream whose window stays closed is gone after a while, and another one on its session is answered", async () => {
    const { listener, held } = holding();
    const { url, drain, close } = await stage(createServer(listener), {
      plan: STILL,
    });
    const { session } = await talk(url);
    // Nobody reads it: 64 KiB come, and no more.
    const unread = session.request({ ":path": "/held/unread" });
    unread.on("error", () => {});
    const answer = ask(session, "/held");
    await until("both are in flight", () => held.length === 2);
    held[0]?.end(Buffer.alloc(10_000_000));
    held[1]?.end("answered");
    expect(await answer).toEqual(ANSWERED);
    const report = await drain.start();
    expect(report).toMatchObject({ verdict: "clean", requests: { atStart: 1, gone: 1 } });
    expect(report.phases.drain.endedBy).toBe("done");
    session.destroy();
    await close();
  });
});

function news(_request: Http2ServerRequest, response: Http2ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let id = 0;
  const tell = () => response.write(`id: ${++id}\ndata: x\n\n`);
  const timer = setInterval(tell, 20);
  tell();
  response.on("close", () => clearInterval(timer));
}

/** Answers within 20 to 60 ms, and keeps book. */
function slowly() {
  const times = new Map<string, number>();
  const ran = new Set<string>();
  const answered = new Set<string>();
  const listener: Listener = (request, response) => {
    const id = request.url.slice(1);
    ran.add(id);
    times.set(id, (times.get(id) ?? 0) + 1);
    setTimeout(() => response.end("answered", () => answered.add(id)), 20 + Math.random() * 40);
  };
  return { listener, ran, answered, times };
}

/** Opens another session where one is not to be used any more. */
function nodeClient(url: string): (id: string) => Promise<boolean> {
  let session: ClientHttp2Session | undefined;
  return async (id) => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connectSession(url, { rejectUnauthorized: false });
      session.on("error", () => {});
    }
    const answer = await ask(session, `/${id}`);
    return "body" in answer && answer.body === "answered";
  };
}
