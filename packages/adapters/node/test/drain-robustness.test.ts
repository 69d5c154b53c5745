import { type ChildProcess, spawn } from "node:child_process";
import { once as happens } from "node:events";
import { createServer, get as getHttp, type RequestListener } from "node:http";
import { createServer as createSecureServer, get as getHttps } from "node:https";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { DrainReport } from "@onceover/core/drain";
import { LOCALHOST } from "@onceover/test/localhost";
import { sleep, until } from "@onceover/test/wait";
import { afterEach, describe, expect, it } from "vitest";
import { drainable } from "../src/index.js";
import { newOnce, outcomesOf, PATIENT, SHORT, STILL, stage } from "./drain-stage.js";

afterEach(() => {
  process.exitCode = undefined;
});

const FIXTURE = fileURLToPath(new URL("fixtures/leaving-process.ts", import.meta.url));

interface Closed {
  readonly report: DrainReport;
  readonly gone: number;
  readonly resources: readonly string[];
  readonly again: boolean;
}

interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly closed: Closed[]; readonly afterMs: number }>;
  hear(word: string): Promise<Record<string, unknown>>;
}

/** A process of its own: what keeps it alive, and how it ends, cannot be told from within this one. */
function start(wishes: object): Child {
  const args = ["--conditions", "onceover-src", "--import", "tsx", FIXTURE, JSON.stringify(wishes)];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...NOWHERE },
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const said = (word: string) =>
    [...text.matchAll(new RegExp(`^${word} (.*)$`, "gm"))].map(([, json = ""]) => JSON.parse(json));
  return {
    process: child,
    ended: happens(child, "close").then(([code]) => ({
      code,
      closed: said("closed"),
      afterMs: said("ended")[0]?.afterMs,
    })),
    async hear(word) {
      await until(`it says ${word}`, () => said(word).length > 0);
      return said(word)[0];
    },
  };
}

/** No platform that gives less than the plans of these tests. */
const NOWHERE = { KUBERNETES_SERVICE_HOST: "", INVOCATION_ID: "", NOTIFY_SOCKET: "" };

describe.concurrent("a process that is told to leave", () => {
  it("by three signals leaves once, answers what it had begun, and ends by itself with 0", async () => {
    const child = start({ plan: { ...PATIENT, holdMs: 3000, quietMs: 600 } });
    const { port } = await child.hear("listening");
    const slow = fetch(`http://127.0.0.1:${port}/slow`);
    await sleep(100);
    for (const _ of [1, 2, 3]) {
      child.process.kill("SIGTERM");
      await sleep(60);
    }
    expect(await (await slow).text()).toBe("slow");
    const { code, closed } = await child.ended;
    expect(code).toBe(0);
    expect(closed).toHaveLength(1);
    expect(closed[0]).toMatchObject({ again: true, gone: 1, report: { reason: "SIGTERM", verdict: "clean" } });
    expect(closed[0]?.report.requests).toMatchObject({ finished: 1, cut: 0 });
    expect(closed[0]?.resources.filter((name) => /Timeout|Immediate|TCP/.test(name))).toEqual([]);
  });

  it("ends with 1 where something was cut", async () => {
    const child = start({
      plan: { ...SHORT, budgetMs: 1000, holdMs: 100, quietMs: 50, drainMs: 500, farewellMs: 200 },
    });
    const { port } = await child.hear("listening");
    const cut = fetch(`http://127.0.0.1:${port}/never`).catch(() => "cut");
    await sleep(100);
    child.process.kill("SIGTERM");
    expect(await cut).toBe("cut");
    const { code, closed } = await child.ended;
    expect(code).toBe(1);
    expect(closed[0]?.report).toMatchObject({ verdict: "cut", requests: { cut: 1 } });
  });

  it("is ended where exit asks for it, although something keeps it alive", async () => {
    const child = start({ plan: SHORT, exit: true, staysBusy: true });
    await child.hear("listening");
    child.process.kill("SIGTERM");
    expect(await child.ended).toMatchObject({ code: 0, closed: [{ report: { verdict: "clean" } }] });
  });

  it("goes its way whatever its hooks do, and the report says which failed and which was late", async () => {
    const child = start({ plan: SHORT, hooks: "failing" });
    await child.hear("listening");
    child.process.kill("SIGTERM");
    const { code, closed } = await child.ended;
    expect(code).toBe(0);
    expect(closed[0]?.report.hooks).toEqual([
      { hook: "onHold", outcome: "failed" },
      { hook: "onDrain", outcome: "failed" },
      { hook: "onClosed", outcome: "ok" },
      { hook: "onFarewell", outcome: "late" },
    ]);
    expect(closed[0]?.report.verdict).toBe("clean");
  });

  it.each([60_000, 200])(
    "while it starts up, %i ms before it listens, ends by itself and lets nobody in for good",
    async (listenAfterMs) => {
      const child = start({ plan: { ...SHORT, quietMs: 100 }, exit: listenAfterMs === 60_000, listenAfterMs });
      await child.hear("starting");
      child.process.kill("SIGTERM");
      expect(await child.ended).toMatchObject({ code: 0, closed: [{ report: { verdict: "clean" } }] });
    },
  );
});

describe.concurrent("a drain", () => {
  it("called twice, or when all is over, gives the same report", async () => {
    const { drain, close } = await stage(createServer());
    const first = drain.start("one");
    const report = await first;
    expect(await drain.start("two")).toBe(report);
    expect(report.reason).toBe("one");
    expect(drain.state).toBe("closed");
    await close();
  });

  it("of a server that never listens is over at once, and one that listens after that lets nobody in", async () => {
    const server = createServer();
    const drain = drainable(server, newOnce(), { plan: SHORT, signals: [] });
    expect((await drain.start()).verdict).toBe("clean");
    server.listen(0, "127.0.0.1");
    await until("it does not listen any more", () => !server.listening);
  });

  it("ends although somebody else closes the server meanwhile, who is told so", async () => {
    const server = createServer(answer);
    const { url, drain, close } = await stage(server, { plan: PATIENT });
    const slow = fetch(`${url}/slow`);
    await until("it has come", () => held.length > 0);
    const reporting = drain.start();
    const closed = new Promise<unknown>((resolve) => server.close(resolve));
    held.pop()?.();
    expect(await (await slow).text()).toBe("slow");
    expect(await reporting).toMatchObject({ verdict: "clean", requests: { finished: 1 } });
    expect(await closed).toBeUndefined();
    await close();
  });
});

const held: (() => void)[] = [];
const answer: RequestListener = (_request, response) => void held.push(() => response.end("slow"));

const MUCH = 20_000_000;
const STEP = MUCH / 50;

describe.concurrent("a client that reads nothing", () => {
  it.each([
    ["a whole answer", (): RequestListener => (_request, response) => void response.end(Buffer.alloc(MUCH))],
    ["an answer that goes on", (): RequestListener => (_request, response) => void response.write(Buffer.alloc(MUCH))],
  ])("is gone, and %s does not hold the drain up to its end", async (_what, listener) => {
    const { port, drain, close } = await stage(createServer(listener()), { plan: STILL });
    const client = await askFor(port);
    const report = await drain.start();
    expect(report).toMatchObject({ verdict: "clean", requests: { atStart: 1, gone: 1, cut: 0 } });
    expect(report.phases.drain.endedBy).toBe("done");
    client.destroy();
    await close();
  });

  it("of an endless stream is handed off at once, whether or not it hears of that", async () => {
    const listener: RequestListener = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`data: ${"x".repeat(MUCH)}\n\n`);
    };
    const { port, drain, close } = await stage(createServer(listener), { isEndless: () => true });
    const client = await askFor(port);
    const report = await drain.start();
    expect(outcomesOf(report)).toEqual({ "handed-off": 1 });
    expect(report.phases.drain.endedBy).toBe("done");
    client.destroy();
    await close();
  });

  it.each(["http", "https"])(
    "is not one that reads slowly: by %s it gets all, however far apart what leaves the process is",
    async (protocol) => {
      const listener: RequestListener = (_request, response) => void response.end(Buffer.alloc(MUCH));
      const server = protocol === "http" ? createServer(listener) : createSecureServer(LOCALHOST, listener);
      // Gives up after 2.5 s; what is read in that time is less than what leaves the process at once.
      const plan = { ...SHORT, budgetMs: 68_000, holdMs: 100, drainMs: 5000, farewellMs: 62_900 };
      const { url, drain, close } = await stage(server, { plan });
      const get = protocol === "http" ? getHttp : getHttps;
      const asking = get(url, { agent: false, rejectUnauthorized: false });
      const [response] = await happens(asking, "response");
      const reporting = drain.start();
      let bytes = 0;
      for await (const chunk of response) {
        const before = bytes;
        bytes += chunk.length;
        // Some four seconds for the first half, however large the pieces are.
        if (bytes < MUCH / 2 && bytes % STEP < before % STEP) await sleep(150);
      }
      expect(bytes).toBe(MUCH);
      expect(await reporting).toMatchObject({ verdict: "clean", requests: { finished: 1, gone: 0 } });
      await close();
    },
  );
});

describe.concurrent("connections on which nothing comes", () => {
  it("a head that is never finished is waited for until the end of the farewell, and counted", async () => {
    const { port, drain, close } = await stage(createServer(answer), { plan: { ...SHORT, farewellMs: 500 } });
    const client = connect(port, "127.0.0.1");
    client.on("error", () => {}).write("GET / HTTP/1.1\r\nHost: a\r\n");
    await sleep(50);
    const report = await drain.start();
    expect(report).toMatchObject({
      verdict: "clean",
      connections: { unfinished: 1 },
      phases: { farewell: { endedBy: "cap" } },
    });
    await close();
  });

  it("one that never begins to shake hands, and one that only began, end with the drain", async () => {
    const { port, drain, close } = await stage(createSecureServer(LOCALHOST), { plan: { ...SHORT, farewellMs: 500 } });
    const clients = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
    for (const client of clients) client.on("error", () => {});
    // The beginning of a ClientHello (RFC 8446, section 5.1).
    clients[1]?.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    await sleep(100);
    const report = await drain.start();
    await until("both are closed", () => clients.every(({ destroyed }) => destroyed));
    expect(report).toMatchObject({ verdict: "clean", connections: { atStart: 2, unfinished: 1 } });
    await close();
  });
});

async function askFor(port: number): Promise<Socket> {
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {}).write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await happens(client, "readable");
  return client;
}
