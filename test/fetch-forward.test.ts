import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, request, type ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { EdgeVM } from "@edge-runtime/vm";
import { fetchForward } from "@onceover/core/revisions";
import { firstPiece } from "@onceover/test/first-piece";
import { type Listening, listen } from "@onceover/test/listen";
import { serve } from "@onceover/test/serve";
import { until } from "@onceover/test/wait";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bundle } from "./runtimes/bundle.js";
import { startWorker } from "./runtimes/workerd.js";

/** What a front passes requests on to: it does what the test at hand says, and has every request that came. */
let behave: RequestListener;
const heard: IncomingMessage[] = [];
let upstream: Listening;

beforeAll(async () => {
  upstream = await listen(
    createServer((asked, response) => {
      heard.push(asked);
      behave(asked, response);
    }),
  );
});
afterAll(() => upstream.close());
beforeEach(() => {
  heard.length = 0;
  behave = (_, response) => void response.end("ok");
});

const open: IncomingMessage[] = [];
afterEach(() => {
  for (const answer of open.splice(0)) answer.destroy();
});

const target = (address: string) => ({ revision: "r2", address, headers: [["Via", "1.1 r1"]] as const });

async function onNode(): Promise<Listening> {
  const forward = fetchForward();
  return serve((asked) => forward.fetch(asked, target(upstream.url)));
}

async function onWorkerd(): Promise<Listening> {
  const { url, stop } = await startWorker(
    await bundle(`
      import { fetchForward } from "@onceover/core/revisions";
      const forward = fetchForward();
      export default { fetch: (request) => forward.fetch(request, ${JSON.stringify(target(upstream.url))}) };`),
  );
  return { url, close: stop };
}

/** Sends what nobody changes on its way, and settles when the head of the answer is there. */
async function ask(
  url: string,
  options: Readonly<Record<string, unknown>> = {},
  body?: string,
): Promise<IncomingMessage> {
  const sending = request(url, { agent: false, ...options });
  sending.end(body);
  const [answer] = (await once(sending, "response")) as [IncomingMessage];
  open.push(answer);
  return answer;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of answer) text += piece;
  return text;
}

describe.each([
  ["Node", onNode],
  ["workerd", onWorkerd],
])("fetchForward() on %s", (_, start) => {
  let front: Listening;
  beforeAll(async () => {
    front = await start();
  });
  afterAll(() => front.close());

  it("passes on method, path, query, fields and body, and tells where they came from", async () => {
    let body = "";
    behave = async (asked, response) => {
      body = await textOf(asked);
      response.writeHead(201, { "X-Made": "1" }).end("made");
    };
    const headers = {
      Host: "shop.example",
      "Idempotency-Key": '"k"',
      "Content-Type": "text/plain",
      "X-Forwarded-For": "6.6.6.6",
      Forwarded: "for=6.6.6.6",
      Connection: "X-Hop",
      "X-Hop": "1",
      "Content-Length": "8",
      "Accept-Encoding": "gzip",
    };
    const answer = await ask(`${front.url}//a%2F..%2Fb/@c?d=//e`, { method: "POST", headers }, "amount=1");
    expect([answer.statusCode, answer.headers["x-made"], await textOf(answer)]).toEqual([201, "1", "made"]);
    expect([heard[0]?.method, heard[0]?.url, body]).toEqual(["POST", "//a%2F..%2Fb/@c?d=//e", "amount=1"]);
    expect(heard[0]?.headers).toMatchObject({
      "idempotency-key": '"k"',
      "content-type": "text/plain",
      "accept-encoding": "identity",
      via: "1.1 r1",
      "x-forwarded-host": "shop.example",
      "x-forwarded-proto": "http",
      host: upstream.url.slice("http://".length),
    });
    for (const name of ["x-forwarded-for", "forwarded", "x-hop"]) expect(heard[0]?.headers).not.toHaveProperty(name);
  });

  it("follows no redirect, and keeps cookies in lines of their own", async () => {
    behave = (_, response) => {
      const cookies = ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"];
      response.writeHead(307, { Location: "/elsewhere", "Set-Cookie": cookies }).end();
    };
    const answer = await ask(`${front.url}/`);
    expect([answer.statusCode, answer.headers.location, answer.headers["set-cookie"]]).toEqual([
      307,
      "/elsewhere",
      ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"],
    ]);
    expect(heard).toHaveLength(1);
  });

  it("hands out what comes compressed all the same as what it says it is", async () => {
    const bytes = gzipSync("what was said ".repeat(50));
    behave = (_, response) => {
      response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": bytes.length }).end(bytes);
    };
    const answer = await ask(`${front.url}/`);
    expect([answer.headers["content-encoding"], await textOf(answer)]).toEqual([
      undefined,
      "what was said ".repeat(50),
    ]);
  });

  it("sends the first event of a stream when it is there, and the end when that is", async () => {
    let stream: ServerResponse | undefined;
    behave = (_, response) => {
      stream = response;
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: 1\n\n");
    };
    const answer = await ask(`${front.url}/`);
    expect(await firstPiece(answer)).toBe("data: 1\n\n");
    stream?.end("data: 2\n\n");
    expect(await textOf(answer)).toBe("data: 2\n\n");
  });

  it("ends the stream at the target when its client has gone", async () => {
    let isClosed = false;
    behave = (_, response) => {
      response.on("close", () => {
        isClosed = true;
      });
      response.write("one");
      // What is written into a connection that was closed is how a server in between finds out.
      const more = setInterval(() => (isClosed ? clearInterval(more) : response.write("more")), 50);
    };
    const answer = await ask(`${front.url}/`);
    expect(await firstPiece(answer)).toBe("one");
    answer.socket.resetAndDestroy();
    await until("the target is told", () => isClosed);
  });

  it("breaks off where the target does", async () => {
    behave = (_, response) => {
      response.writeHead(200, { "Content-Length": "99" }).write("half");
      setTimeout(() => response.socket?.resetAndDestroy(), 50);
    };
    await expect(ask(`${front.url}/`).then(textOf)).rejects.toThrow();
  });

  it("answers 502 to a POST that the target has reset, which may have been executed", async () => {
    behave = ({ socket }) => void socket.resetAndDestroy();
    const answer = await ask(`${front.url}/`, { method: "POST", headers: { "Content-Length": "1" } }, "x");
    expect([answer.statusCode, JSON.parse(await textOf(answer))]).toMatchObject([
      502,
      { code: "forward-failed", executed: "unknown" },
    ]);
  });

  it("passes on a GET that says of itself that it has no body", async () => {
    const answer = await ask(`${front.url}/a`, { headers: { "Content-Length": "0" } });
    expect([answer.statusCode, await textOf(answer)]).toEqual([200, "ok"]);
    expect(heard[0]?.headers).not.toHaveProperty("content-length");
  });

  it("never sends the body of a GET as the next request", async () => {
    const body = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    await textOf(await ask(`${front.url}/a`, { headers: { "Content-Length": body.length } }, body));
    await textOf(await ask(`${front.url}/b`));
    expect(heard.map(({ url }) => url).filter((url) => url !== "/a")).toEqual(["/b"]);
  });
});

describe("fetchForward() in EdgeVM", () => {
  it("passes a request on, and its answer back", async () => {
    const cookies = ["a=1", "b=2"];
    behave = (asked, response) => {
      response.writeHead(302, { Location: "/elsewhere", "Set-Cookie": cookies });
      asked.pipe(response);
    };
    const vm = new EdgeVM();
    const contents = `export { fetchForward } from "@onceover/core/revisions";`;
    vm.evaluate(await bundle(contents, { format: "iife", globalName: "core" }));
    const answer = await vm.evaluate<Promise<unknown>>(`(async () => {
      const request = new Request("https://shop.example//a?b", { method: "POST", body: "echo" });
      const response = await core.fetchForward().fetch(request, ${JSON.stringify(target(upstream.url))});
      const { status, headers } = response;
      return [status, headers.get("location"), headers.getSetCookie().join("|"), await response.text()].join(" ");
    })()`);
    expect(answer).toBe("302 /elsewhere a=1|b=2 echo");
    expect(heard[0]?.url).toBe("//a?b");
    expect(heard[0]?.headers).toMatchObject({
      via: "1.1 r1",
      "x-forwarded-host": "shop.example",
      "x-forwarded-proto": "https",
    });
  });
});
