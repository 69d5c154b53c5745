import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { finished, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createOnceover, type MountOptions, memoryStore, type OnceoverEvent, SHARED_SCOPE } from "@onceover/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type OnceListener, onceover } from "../src/index.js";

const closing: Server[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const server of closing.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(listener: OnceListener, options?: MountOptions<IncomingMessage>) {
  const events: OnceoverEvent[] = [];
  const store = memoryStore();
  const on = (event: OnceoverEvent) => void events.push(event);
  const once = createOnceover<IncomingMessage>({ service: "node", revision: "r1", store, scope: SHARED_SCOPE, on });
  const server = createServer(onceover(once, listener, options));
  closing.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const post = (headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}`, { method: "POST", headers: { "Idempotency-Key": "k", ...headers } });
  const connections = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
  return { port, post, events, connections };
}

/** Settles once the event was told. Needs no timer, for timers may be fake. */
async function told(events: readonly OnceoverEvent[], type: OnceoverEvent["type"]): Promise<void> {
  while (!events.some((event) => event.type === type)) await new Promise((resolve) => setImmediate(resolve));
}

describe("a listener that throws", () => {
  for (const [when, listener] of Object.entries<OnceListener>({
    "at once": () => {
      throw new Error("no such account");
    },
    later: () => Promise.reject(new Error("no such account")),
  })) {
    it(`${when} is answered as a 500 problem that tells the client nothing, recorded and replayed`, async () => {
      const { post, events } = await serve(listener);
      const first = await post();
      expect(first.headers.get("content-type")).toBe("application/problem+json");
      const problem = await first.text();
      expect(JSON.parse(problem)).toMatchObject({ status: 500, code: "handler-failed", executed: "unknown" });
      expect(problem).not.toContain("account");
      const again = await post();
      expect([again.status, await again.text()]).toEqual([500, problem]);
      expect(again.headers.get("idempotency-replayed")).toBe("true");
      expect(events.find(({ type }) => type === "handler-failed")).toMatchObject({
        error: { message: "no such account" },
      });
    });
  }

  it("after its answer was whole leaves that answer alone, the head sent before or not", async () => {
    for (const head of [false, true]) {
      const { post, events } = await serve((_request, response) => {
        if (head) response.write("pa");
        response.end(head ? "id" : "paid");
        throw new Error("too late");
      });
      const [first, again] = [await post(), await post()];
      expect([first.status, await first.text(), await again.text()]).toEqual([200, "paid", "paid"]);
      expect(events.some(({ type }) => type === "handler-failed")).toBe(true);
    }
  });

  it("after its answer began cuts it off", async () => {
    const { post, events } = await serve((_request, response) => {
      response.write("half");
      throw new Error("no more");
    });
    await expect(post().then((response) => response.text())).rejects.toThrow();
    await told(events, "recorded");
    expect(await (await post()).json()).toMatchObject({ code: "answer-not-kept", originalStatus: 200 });
  });
});

it("a listener is given once for a request with a key, and nothing for one without", async () => {
  const { port, post } = await serve((_request, response, once) => void response.end(once?.key ?? "none"));
  expect(await (await post()).text()).toBe("k");
  expect(await (await fetch(`http://127.0.0.1:${port}`, { method: "POST" })).text()).toBe("none");
});

it("the mount's options are checked when it is made", () => {
  const once = createOnceover<IncomingMessage>({
    service: "node",
    revision: "r1",
    store: memoryStore(),
    scope: SHARED_SCOPE,
  });
  expect(() => onceover(once, () => {}, { leaseMs: -1 })).toThrow(
    new TypeError("leaseMs must be a positive whole number of milliseconds, got -1"),
  );
});

it("early hints and informational answers leave at once and are not recorded", async () => {
  const { port } = await serve((_request, response) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" });
    response.end("paid");
  });
  const ask = () =>
    new Promise<string>((resolve) => {
      let received = "";
      const socket = connect(port, "127.0.0.1", () =>
        socket.write("POST / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\nConnection: close\r\n\r\n"),
      );
      socket.on("data", (chunk) => {
        received += chunk;
      });
      socket.on("close", () => resolve(received));
    });
  expect(await ask()).toMatch(/^HTTP\/1.1 103 [\s\S]*HTTP\/1.1 200 [\s\S]*paid$/);
  expect(await ask()).toMatch(/^HTTP\/1.1 200 [\s\S]*paid$/);
});

describe("a client that hangs up", () => {
  /** Posts on a connection of its own and hangs up as soon as the handler runs. */
  async function hangUp(port: number, events: readonly OnceoverEvent[]): Promise<void> {
    const socket = connect(port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n");
    await told(events, "run");
    await new Promise((resolve) => socket.destroy().once("close", resolve));
  }

  it("is told to the handler when its answer is recorded: close, once, and no error of finished() before", async () => {
    const seen: string[] = [];
    const { port, post, events } = await serve(async (request, response) => {
      request.on("aborted", () => seen.push("aborted"));
      response.on("close", () => seen.push("close"));
      finished(response, () => seen.push("finished"));
      await new Promise((resolve) => setTimeout(resolve, 50));
      seen.push(`destroyed: ${response.destroyed}`);
      response.end("paid");
    });
    await hangUp(port, events);
    await told(events, "recorded");
    expect(await (await post()).text()).toBe("paid");
    await expect.poll(() => seen).toEqual(["destroyed: false", "close", "finished"]);
  });

  it("keeps a handler that never answers from holding its key for more than a quarter of an hour", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { port, events, connections } = await serve((_request, response) => void response.write("half"));
    await hangUp(port, events);
    while ((await connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(15 * 60_000 - 1000);
    expect(events.some(({ type }) => type === "recorded")).toBe(false);
    await vi.advanceTimersByTimeAsync(2000);
    await told(events, "recorded");
    expect(events.at(-1)).toMatchObject({ type: "recorded", tombstone: "cut" });
  });
});

describe("a handler whose client hangs up in mid-stream", () => {
  it.each([
    ["pipeline()", (source: Readable, response: ServerResponse) => pipeline(source, response)],
    ["finished()", (source: Readable, response: ServerResponse) => awaited(source.pipe(response))],
  ])("is told by %s that its answer was taken, as it was: into the record", async (_, send) => {
    let goOn = () => {};
    const gone = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const outcomes: unknown[] = [];
    const { port, post, events, connections } = await serve(async (_request, response) => {
      const source = Readable.from(
        (async function* () {
          yield "one ";
          await gone;
          yield "two";
        })(),
        { objectMode: false },
      );
      outcomes.push(
        await send(source, response).then(
          () => "sent",
          (error: Error) => error,
        ),
      );
    });
    const socket = connect(port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    socket.destroy();
    while ((await connections()) > 0) await new Promise((resolve) => setImmediate(resolve));
    goOn();
    await told(events, "recorded");
    while (outcomes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(outcomes).toEqual(["sent"]);
    expect(events.map(({ type }) => type)).not.toContain("handler-failed");
    expect(await (await post()).text()).toBe("one two");
  });
});

function awaited(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => finished(response, (error) => (error ? reject(error) : resolve())));
}
