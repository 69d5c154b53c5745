import { once } from "node:events";
import { createServer as createTlsServer } from "node:tls";
import { listen } from "@onceover/test/listen";
import { LOCALHOST } from "@onceover/test/localhost";
import { startTcpProxy } from "@onceover/test/tcp-proxy";
import { until } from "@onceover/test/wait";
import { Agent } from "undici";
import { describe, expect, it } from "vitest";
import { followed, requestText } from "./forward-stage.js";
import { current, staged } from "./forward-staged.js";

describe("a client that leaves", () => {
  const gone = () => until("the target's connection is gone", () => current().upstreamConnections() === 0);

  it("takes the target's connection with it while the head of the answer is waited for", async () => {
    const { port, upstreamConnections } = await staged({ upstream: () => {} });
    const { socket } = followed(port);
    await until("the target is asked", () => upstreamConnections() === 1);
    socket.destroy();
    await gone();
  });

  it("takes it with it in the middle of the answer, read or not", async () => {
    let [begun, closed] = [0, 0];
    const { port } = await staged({
      upstream(_, response) {
        begun += 1;
        response.on("close", () => (closed += 1));
        response.write("x".repeat(10_000_000));
      },
    });
    for (const isRead of [true, false]) {
      const client = followed(port);
      if (!isRead) client.socket.pause();
      await until("the answer begins", () => (isRead ? client.text().includes("xxx") : begun === 2));
      client.socket.resetAndDestroy();
      await gone();
    }
    await until("the target knows", () => closed === 2);
  });

  it("takes it with it in the middle of the body, and what it sent never looks whole", async () => {
    const seen: { readonly isComplete: boolean; readonly text: string }[] = [];
    const { port } = await staged({
      upstream(request) {
        let text = "";
        request.on("data", (chunk) => {
          text += chunk;
        });
        request.on("error", () => {}).on("close", () => seen.push({ isComplete: request.complete, text }));
      },
    });
    for (const [line, half] of [
      ["Transfer-Encoding: chunked", "3\r\nabc\r\n"],
      ["Content-Length: 9", "abc"],
    ] as const) {
      const { socket } = followed(port, requestText("POST /", [line], half));
      await until("the target is asked", () => current().upstreamConnections() === 1);
      socket.destroy();
      await gone();
    }
    await until("the target knows", () => seen.length === 2);
    expect(seen).toEqual(Array(2).fill({ isComplete: false, text: "abc" }));
  });

  it("has asked nothing where it left before it was forwarded", async () => {
    let asked = 0;
    const { port, pending } = await staged({
      upstream: () => (asked += 1),
      before: (_, response) => once(response, "close"),
    });
    const client = followed(port);
    await until("the request is there", () => pending() === 1);
    client.socket.destroy();
    await until("it is over", () => pending() === 0);
    expect(asked).toBe(0);
  });

  it("has asked nothing where it left before there was a connection", async () => {
    const got: string[] = [];
    const slow = await listen(
      createTlsServer(LOCALHOST, (socket) => socket.on("error", () => {}).on("data", (data) => got.push(`${data}`))),
    );
    const gate = await startTcpProxy(Number(new URL(slow.url).port));
    gate.hang();
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    const address = `https://localhost:${gate.port}`;
    const { port, pending } = await staged({ upstream: () => {}, address, options: { dispatcher } });
    const client = followed(port);
    await until("it is being connected", () => gate.connections() === 1);
    client.socket.destroy();
    await until("it is over", () => pending() === 0);
    gate.heal();
    await until(
      "the connection was made in vain",
      () => gate.connections() === 0 || dispatcher.stats[address]?.connected === 1,
    );
    expect(got).toEqual([]);
    await dispatcher.destroy();
    await gate.close();
    await slow.close();
  });

  it("takes those with it that wait behind another on its connection", async () => {
    const { port, upstreamConnections } = await staged({ upstream: () => {} });
    const client = followed(port, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    await until("both are asked for", () => upstreamConnections() === 2);
    client.socket.destroy();
    await gone();
  });
});
