import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import compression from "compression";
import type { Request, Response } from "express";
import { describe, expect, it } from "vitest";
import { answering, requestText, talk } from "./forward-stage.js";
import { current, staged } from "./forward-staged.js";

describe("a forwarded answer", () => {
  const answered = async (bytes: string, head = "GET /", then?: (socket: Socket) => void) => {
    const { port } = await staged({ upstream: answering(bytes, then) });
    return talk(port, requestText(head));
  };

  it("keeps status, message, lines and body as they are, coded or not", async () => {
    const lines = [
      "Set-Cookie: a=1",
      "Set-Cookie: b=2; Path=/",
      "X-Caf\xe9: no".replace("\xe9", "e"),
      "X-Name: Jos\xe9",
    ];
    const head = `HTTP/1.1 418 Short and stout\r\n${lines.join("\r\n")}\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n`;
    const { text } = await answered(`${head}\r\nn\0t!`);
    expect(text).toMatch(/^HTTP\/1\.1 418 Short and stout\r\n/);
    expect(text.split("\r\n").filter((line) => lines.includes(line))).toEqual(lines);
    expect(text).toContain("Content-Encoding: gzip\r\n");
    expect(text.endsWith("\r\n\r\nn\0t!")).toBe(true);
  });

  it("leaves behind what belongs to the connection, and what Connection names", async () => {
    const lines = ["Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=77", "Proxy-Authenticate: x", "Upgrade: h2c"];
    const { text } = await answered(
      `HTTP/1.1 200 OK\r\n${lines.join("\r\n")}\r\nX-Stay: 1\r\nContent-Length: 0\r\n\r\n`,
    );
    expect(text).not.toMatch(/x-hop|timeout=77|proxy-|upgrade/i);
    expect(text).toContain("X-Stay: 1\r\n");
  });

  it("keeps a length, and has chunks where there is none, its trailers behind them", async () => {
    expect((await answered("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")).text).toMatch(/Content-Length: 2\r\n/);
    await current().close();
    const chunks = "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\nSet-Cookie: late=1\r\n\r\n";
    const { text } = await answered(`HTTP/1.1 200 OK\r\n${chunks}`);
    expect(text).toMatch(/Transfer-Encoding: chunked\r\n/i);
    expect(text.endsWith("2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n")).toBe(true);
  });

  it.each([
    ["HEAD /", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", "Content-Length: 12"],
    ["GET /", "HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 12\r\n\r\n", "ETag: x"],
    ["GET /", "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", "X-A: 1"],
  ])("has no body where there is none: %s, %j", async (head, bytes, line) => {
    const { text } = await answered(bytes, head);
    expect(text).toContain(`${line}\r\n`);
    expect(text.endsWith("\r\n\r\n")).toBe(true);
    expect(text).not.toMatch(/transfer-encoding/i);
  });

  it("is the answer itself, without those that announce it", async () => {
    const early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    const { text } = await answered(`${early}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).not.toContain("a.css");
  });

  it("is a redirect where the target redirects: nobody follows it", async () => {
    const bytes = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    expect((await answered(bytes)).text).toMatch(/^HTTP\/1\.1 302 Found\r\nLocation: http:\/\/127\.0\.0\.1:1\/\r\n/);
  });

  it("ends with its connection where it says so by that alone", async () => {
    const { text } = await answered("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", "GET /", (socket) =>
      socket.end(),
    );
    expect(text).toMatch(/9\r\nall of it\r\n0\r\n\r\n$/);
  });

  it("has the message of its status where the target's own cannot be sent", async () => {
    const { text } = await answered("HTTP/1.1 200 Oh l\xe0\r\nContent-Length: 0\r\n\r\n");
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it("stands beside what a middleware in front has set, but where it has a line of that name", async () => {
    const before = (_: IncomingMessage, response: ServerResponse) => {
      response.setHeader("X-Front", "1").setHeader("Cache-Control", "front");
    };
    const upstream = answering("HTTP/1.1 200 OK\r\nCache-Control: back\r\nContent-Length: 0\r\n\r\n");
    const { port } = await staged({ upstream, before });
    const { text } = await talk(port, requestText("GET /"));
    expect(text).toContain("X-Front: 1\r\n");
    expect(text.match(/cache-control: .*/gi)).toEqual(["Cache-Control: back"]);
  });

  it("passes a middleware that compresses, all of it", async () => {
    const text = "line after line\n".repeat(300_000);
    const squeeze = compression();
    const before = (request: IncomingMessage, response: ServerResponse) =>
      new Promise((resolve) => squeeze(request as Request, response as Response, resolve));
    const upstream = createServer((_, response) => response.writeHead(200, { "Content-Type": "text/plain" }).end(text));
    const { url } = await staged({ upstream, before });
    const answer = await fetch(url);
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect(await answer.text()).toBe(text);
  });

  it("is cut off where a middleware throws at its end", async () => {
    const before = (_: IncomingMessage, response: ServerResponse) => {
      response.end = () => {
        throw new Error("not today");
      };
    };
    const { port } = await staged({ upstream: (_, response) => void response.end("answer"), before });
    expect((await talk(port, requestText("GET /"))).text).not.toMatch(/0\r\n\r\n$|answer$/);
  });

  it("comes before the request has, where the target does not want the rest, and the connection goes on", async () => {
    const upstream = createServer((_, response) => response.writeHead(413).end("too much"));
    const { port } = await staged({ upstream });
    const first = `POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n`;
    const answer = talk(port, first, Buffer.alloc(3_000_000), requestText("GET /next"));
    expect((await answer).text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 413", "HTTP/1.1 413"]);
  });
});
