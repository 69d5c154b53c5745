import { createServer as createTcpServer, type Socket } from "node:net";
import { freePort } from "@onceover/test/free-port";
import { listen } from "@onceover/test/listen";
import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";
import { behaving, followed, problemIn, requestText, talk } from "./forward-stage.js";
import { current, staged } from "./forward-staged.js";

const HALF = "5\r\nhello\r\n";

describe("a target that cannot be reached", () => {
  it.each([
    ["refuses connections", async () => `http://127.0.0.1:${await freePort()}`],
    ["has a name that nobody knows", async () => "http://nobody.invalid:80"],
  ])("is answered 503, nothing was executed, and a retry may come soon: %s", async (_what, address) => {
    const { port } = await staged({ upstream: () => {}, address: await address() });
    for (const head of ["GET /", "POST /"]) {
      const { text } = await talk(port, requestText(head, ["Content-Length: 2"], "ab"));
      expect(text).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/s);
      expect(text).toMatch(/\r\nCache-Control: no-store\r\n/);
      expect(problemIn(text)).toMatchObject({ code: "revision-unreachable", executed: false });
    }
  });

  it("is answered 503 when connecting takes too long, an unanswered handshake of TLS included", async () => {
    const silent = await listen(createTcpServer((socket) => socket.on("error", () => {}).resume()));
    const address = silent.url.replace("http", "https");
    const { port } = await staged({ upstream: () => {}, address, options: { connectTimeoutMs: 50 } });
    const { text } = await talk(port, requestText("GET /"));
    expect(problemIn(text)).toMatchObject({ code: "revision-unreachable", executed: false });
    await silent.close();
  });

  it("leaves the rest of a body aside, and the connection goes on", async () => {
    const { port } = await staged({ upstream: () => {}, address: `http://127.0.0.1:${await freePort()}` });
    const first = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    const { text } = await talk(port, first, Buffer.alloc(1_000_000), requestText("GET /"));
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 503", "HTTP/1.1 503"]);
  });
});

describe("a target that fails before the head of its answer", () => {
  it.each([
    ["resets the connection", (socket: Socket) => void socket.resetAndDestroy()],
    ["ends the connection", (socket: Socket) => void socket.end()],
    ["ends it in the middle of the head", (socket: Socket) => void socket.end("HTTP/1.1 200 OK\r\nX-A:")],
    ["speaks no HTTP", (socket: Socket) => void socket.write("SSH-2.0-OpenSSH\r\n")],
    ["sends a status below 100", (socket: Socket) => void socket.write("HTTP/1.1 042 No\r\n\r\n")],
    ["changes the protocol unasked", (socket: Socket) => void socket.write(UNASKED)],
    ["sends two lengths", (socket: Socket) => void socket.write(`${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`)],
    ["sends a length and chunks", (socket: Socket) => void socket.write(`${OK}Content-Length: 1\r\n${CHUNKED}\r\n`)],
    ["sends a folded line", (socket: Socket) => void socket.write(`${OK}X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n`)],
  ])("is answered 502, and it is not known whether something was executed: %s", async (_what, then) => {
    const { port } = await staged({ upstream: behaving(then) });
    for (const head of ["GET /", "POST /"]) {
      const { text } = await talk(port, requestText(head, ["Content-Length: 2"], "ab"));
      expect(text).toMatch(/^HTTP\/1\.1 502 /);
      expect(problemIn(text)).toMatchObject({ code: "forward-failed", executed: "unknown" });
    }
  });

  it("is answered 502 when the head takes too long, and its connection is ended", async () => {
    const { port, upstreamConnections } = await staged({ upstream: () => {}, options: { headersTimeoutMs: 50 } });
    const { text } = await talk(port, requestText("GET /"));
    expect(problemIn(text)).toMatchObject({ code: "forward-failed", executed: "unknown" });
    await until("the connection is gone", () => upstreamConnections() === 0);
  });

  it("is asked once only", async () => {
    let asked = 0;
    const { port } = await staged({
      upstream: behaving((socket) => {
        asked += 1;
        socket.resetAndDestroy();
      }),
    });
    await talk(port, requestText("GET /"));
    expect(asked).toBe(1);
  });
});

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const UNASKED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

describe("a target that fails in the middle of its answer", () => {
  const heads = {
    "of chunks": `${OK}${CHUNKED}\r\n${HALF}`,
    "of chunks, the last on its connection": `${OK}${CHUNKED}Connection: close\r\n\r\n${HALF}`,
    "of a length": `${OK}Content-Length: 9\r\n\r\nhello`,
    "of a length, the last on its connection": `${OK}Content-Length: 9\r\nConnection: close\r\n\r\nhello`,
  };
  const ways = { ends: (socket: Socket) => socket.end(), resets: (socket: Socket) => socket.resetAndDestroy() };
  const names = Object.keys(heads) as (keyof typeof heads)[];
  const both = names.flatMap((head) => (["ends", "resets"] as const).map((way) => [head, way] as const));

  it.each(both)(
    "has the client's connection cut off, never ended like a whole answer: %s, it %s",
    async (head, way) => {
      const failing = behaving((socket) => {
        socket.write(heads[head]);
        current().faults;
        setImmediate(() => clientHas("hello").then(() => ways[way as keyof typeof ways](socket)));
      });
      const { port } = await staged({ upstream: failing });
      const client = followed(port);
      const clientHas = (text: string) => until("the client has it", () => client.text().includes(text));
      await client.closed;
      expect(client.text()).toMatch(/^HTTP\/1\.1 200 OK/);
      expect(client.text()).not.toMatch(/0\r\n\r\n$/);
    },
  );

  it("is cut off by a reset where a client of HTTP/1.0 would take the end for that of the answer", async () => {
    const failing = behaving((socket) => {
      socket.write(`${OK}${CHUNKED}\r\n${HALF}`);
      void until("the client has it", () => client.text().includes("hello")).then(() => socket.resetAndDestroy());
    });
    const { port } = await staged({ upstream: failing });
    const client = followed(port, "GET / HTTP/1.0\r\n\r\n");
    expect(await client.closed).toBe("reset");
  });
});
