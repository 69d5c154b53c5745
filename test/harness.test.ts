import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { startChild } from "@onceover/test/child";
import { startRedis } from "@onceover/test/redis-server";
import { startTcpProxy } from "@onceover/test/tcp-proxy";
import { until } from "@onceover/test/wait";
import { afterEach, describe, expect, it } from "vitest";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("a program that ends before it is ready", () => {
  it("is told with its last words: by them a port that is taken is known, and another one tried", async () => {
    for (let times = 0; times < 5; times++) {
      const start = startChild("/bin/sh", ["-c", "echo last words"], { ready: /never/ });
      // Busy meanwhile, so that its end and its words are heard of in one turn.
      const untilMs = performance.now() + 100;
      while (performance.now() < untilMs);
      await expect(start).rejects.toThrow(/last words/);
    }
  });
});

describe("a Redis of a test's own", () => {
  it("pauses, resumes, dies and comes back on the same port", async () => {
    const server = await startRedis();
    ends.push(() => server.stop());
    const first = server.pid;
    expect(await server.cli("ping")).toBe("PONG");
    server.pause();
    const paused = server.cli("ping");
    server.resume();
    expect(await paused).toBe("PONG");
    await server.restart();
    expect(server.pid).not.toBe(first);
    expect(isAlive(first)).toBe(false);
    expect(await server.cli("ping")).toBe("PONG");
  });

  it("dies with the process that started it, even when that is killed", async () => {
    const script = `import("@onceover/test/redis-server").then((m) => m.startRedis()).then((s) => console.log("pid", s.pid))`;
    const args = ["--conditions", "onceover-src", "--import", "tsx", "--input-type=module", "-e", script];
    const parent = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], cwd: import.meta.dirname });
    const [line] = await once(parent.stdout, "data");
    const pid = Number(/pid (\d+)/.exec(String(line))?.[1]);
    expect(isAlive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await until("the server is gone", () => !isAlive(pid));
  });
});

describe("the faulty proxy", () => {
  async function open() {
    const heard: string[] = [];
    const echo = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        heard.push(String(chunk));
        socket.write(`re:${chunk}`);
      });
    });
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    ends.push(() => new Promise((resolve) => echo.close(resolve)));
    const address = echo.address();
    const proxy = await startTcpProxy(typeof address === "object" && address ? address.port : 0);
    ends.push(() => proxy.close());
    return { proxy, heard };
  }

  function dial(port: number): { socket: Socket; got: () => string; closed: Promise<unknown> } {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += String(chunk);
    });
    socket.on("error", () => undefined);
    return { socket, got: () => text, closed: new Promise((resolve) => socket.once("close", resolve)) };
  }

  it("passes everything on until told otherwise", async () => {
    const { proxy } = await open();
    const { socket, got } = dial(proxy.port);
    socket.write("a");
    await until("the reply is there", () => got() === "re:a");
  });

  it("swallows replies: the request takes effect and nothing comes back, also after heal()", async () => {
    const { proxy, heard } = await open();
    const { socket, got } = dial(proxy.port);
    proxy.swallowReplies();
    socket.write("lost");
    await until("the server heard it", () => heard.includes("lost"));
    const other = dial(proxy.port);
    other.socket.write("x");
    await until("the server heard the second one", () => heard.includes("x"));
    proxy.heal();
    socket.write("b");
    await until("the next reply is there", () => got() === "re:b");
  });

  it("swallows requests: the server never hears them", async () => {
    const { proxy, heard } = await open();
    const { socket, got } = dial(proxy.port);
    socket.write("a");
    await until("the reply is there", () => got() === "re:a");
    proxy.swallowRequests();
    socket.write("lost");
    await new Promise((resolve) => setTimeout(resolve, 50));
    proxy.heal();
    socket.write("c");
    await until("the next reply is there", () => got() === "re:are:c");
    expect(heard).toEqual(["a", "c"]);
  });

  it("hangs and heals: what was held back arrives, in order", async () => {
    const { proxy, heard } = await open();
    const { socket, got } = dial(proxy.port);
    socket.write("a");
    await until("the reply is there", () => got() === "re:a");
    proxy.hang();
    socket.write("b");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard).toEqual(["a"]);
    proxy.heal();
    await until("the held reply is there", () => got() === "re:are:b");
  });

  it("cuts: every connection is reset, new ones pass", async () => {
    const { proxy } = await open();
    const first = dial(proxy.port);
    first.socket.write("a");
    await until("the reply is there", () => first.got() === "re:a");
    proxy.cut();
    await first.closed;
    const second = dial(proxy.port);
    second.socket.write("b");
    await until("the reply is there", () => second.got() === "re:b");
  });

  it("swallows the one reply that follows a pattern, and resets that connection only", async () => {
    const { proxy, heard } = await open();
    const [victim, other] = [dial(proxy.port), dial(proxy.port)];
    const lost = proxy.swallowNextReply("needle");
    other.socket.write("hay");
    await until("the other's reply is there", () => other.got() === "re:hay");
    victim.socket.write("a needle");
    await lost;
    await victim.closed;
    expect([victim.got(), heard]).toEqual(["", ["hay", "a needle"]]);
    other.socket.write("needle");
    await until("the next one is answered", () => other.got() === "re:hayre:needle");
  });
});
