/**
 * What a long body costs on its way through, up or down: memory, and time to its first byte.
 *
 * The forwarder runs in a process of its own; client and target are in this one. Memory is what the operating system counts
 * as resident, looked at every 20 ms behind a collection, above what it was after a first stream.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { startChild } from "@onceover/test/child";
import { type Listening, listen } from "@onceover/test/listen";
import { until } from "@onceover/test/wait";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const MB = 1_048_576;
const GB = 1024 * MB;
const CHUNK = Buffer.alloc(65_536, "x");
const PROGRAM = fileURLToPath(new URL("./fixtures/forward-service.ts", import.meta.url));

interface Service {
  readonly url: string;
  begin(): Promise<void>;
  riseBytes(): Promise<number>;
  stop(): Promise<void>;
}

async function startService(address: string): Promise<Service> {
  const args = ["--expose-gc", "--conditions", "onceover-src", "--import", "tsx", PROGRAM, address];
  const child = await startChild(process.execPath, args, { ready: /listening on .* and .*\n/ });
  const [, url = "", control = ""] = /listening on (\S+) and (\S+)\n/.exec(child.output()) ?? [];
  return {
    url,
    begin: async () => void (await get(`${control}/begin`)),
    riseBytes: async () => Number(await get(control)),
    async stop() {
      process.kill(child.pid, "SIGKILL");
      await child.ended;
    },
  };
}

async function get(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** One and the same chunk over and over, at the pace of who takes it. */
function pour(into: NodeJS.WritableStream, bytes: number): void {
  let left = bytes;
  const more = () => {
    while (left > 0) {
      left -= CHUNK.length;
      if (!into.write(CHUNK)) return void into.once("drain", more);
    }
    into.end();
  };
  more();
}

/** What has been taken from the sources there are, and what has come at their ends. */
let takenBytes = 0;
let gotBytes = 0;
let isReading = true;
const held: (() => void)[] = [];

function drink(from: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const read = () => {
      from.on("data", (chunk: Buffer) => {
        gotBytes += chunk.length;
      });
    };
    if (isReading) read();
    else held.push(read);
    from.on("end", resolve);
  });
}

async function target(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, bytes = "0"] = /bytes=(\d+)/.exec(incoming.url ?? "") ?? [];
  if (incoming.url?.startsWith("/down")) return pour(counted(response), Number(bytes));
  if (incoming.url?.startsWith("/events")) return void setTimeout(() => begin(response), 5);
  await drink(incoming);
  response.end("drunk");
}

/** Counts what is written. */
function counted<Stream extends NodeJS.WritableStream>(stream: Stream): Stream {
  const write = stream.write.bind(stream) as (chunk: Buffer) => boolean;
  return Object.assign(stream, {
    write(chunk: Buffer) {
      takenBytes += chunk.length;
      return write(chunk);
    },
  });
}

let firstByteMs = 0;

/** A stream of events whose head comes some time before its first one. */
function begin(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream" }).flushHeaders();
  setTimeout(() => {
    firstByteMs = performance.now();
    response.write("data: first\n\n");
    setTimeout(() => response.end(), 5);
  }, 5);
}

const figures: string[] = [];
let behind: Listening;
let service: Service;
beforeAll(async () => {
  behind = await listen(createServer((incoming, response) => void target(incoming, response)));
  service = await startService(behind.url);
});
afterAll(async () => {
  console.log(figures.join("\n"));
  await service.stop();
  await behind.close();
});

function down(bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${service.url}/down?bytes=${bytes}`, { agent: false });
    outgoing.on("response", (answer) => void drink(answer).then(resolve)).on("error", reject);
    outgoing.end();
  });
}

function up(bytes: number, headers: Record<string, string | number>): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${service.url}/up`, { agent: false, method: "POST", headers });
    outgoing.on("response", (answer) => answer.resume().on("end", resolve)).on("error", reject);
    pour(counted(outgoing), bytes);
  });
}

describe("1 GB through the forwarder", () => {
  it.each([
    ["down", (bytes: number) => down(bytes)],
    ["up, in chunks", (bytes: number) => up(bytes, { "Transfer-Encoding": "chunked" })],
    ["up, with its length", (bytes: number) => up(bytes, { "Content-Length": bytes })],
  ])(
    "raises its memory by less than 32 MB, and waits for whoever does not read: %s",
    async (way, send) => {
      await send(64 * MB);
      await service.begin();
      [takenBytes, gotBytes, isReading] = [0, 0, false];
      const sent = send(GB);
      await standstill();
      const aheadBytes = takenBytes;
      isReading = true;
      for (const read of held.splice(0)) read();
      await sent;
      const riseBytes = await service.riseBytes();
      figures.push(
        `1 GB ${way}: memory rises by ${inMb(riseBytes)}, ${inMb(aheadBytes)} are ahead of who does not read`,
      );
      expect(gotBytes).toBe(GB);
      // What the operating system holds ready on four ends is part of it.
      expect(aheadBytes).toBeLessThan(64 * MB);
      expect(riseBytes).toBeLessThan(32 * MB);
    },
    120_000,
  );
});

async function standstill(): Promise<void> {
  let [seenBytes, times] = [-1, 0];
  await until("the source stands still", () => {
    times = seenBytes === takenBytes ? times + 1 : 0;
    seenBytes = takenBytes;
    return held.length > 0 && times > 5;
  });
}

const inMb = (bytes: number) => `${(bytes / MB).toFixed(1)} MB`;

describe("a stream of events through the forwarder", () => {
  it("has its first byte at the client no more than 5 ms later than without, by the median of 15", async () => {
    const delaysMs = { direct: [] as number[], forwarded: [] as number[] };
    for (let at = 0; at < 32; at += 1) {
      const way = at % 2 === 0 ? "direct" : "forwarded";
      const delayMs = await firstByteDelayMs(way === "direct" ? behind.url : service.url);
      // The first of each finds nothing warm.
      if (at >= 2) delaysMs[way].push(delayMs);
    }
    const [direct, forwarded] = [median(delaysMs.direct), median(delaysMs.forwarded)];
    figures.push(`first byte: ${forwarded.toFixed(2)} ms, ${direct.toFixed(2)} ms direct (medians of 15)`);
    expect(forwarded - direct).toBeLessThan(5);
  });

  it("has its head at the client before there is an event", async () => {
    let isBegun = false;
    const silent = await listen(
      createServer((_, response) => {
        response.writeHead(200, { "Content-Type": "text/event-stream" }).flushHeaders();
        isBegun = true;
      }),
    );
    const other = await startService(silent.url);
    const answer = await fetch(other.url);
    expect([answer.headers.get("content-type"), isBegun]).toEqual(["text/event-stream", true]);
    await answer.body?.cancel();
    await other.stop();
    await silent.close();
  });
});

/** From when the target wrote its first event to when the client has it; all clocks are this process's. */
function firstByteDelayMs(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/events`, { agent: false });
    outgoing.on("error", reject).on("response", (answer) => {
      let delayMs: number | undefined;
      answer.on("data", () => {
        delayMs ??= performance.now() - firstByteMs;
      });
      answer.on("end", () => resolve(delayMs ?? Number.NaN));
    });
    outgoing.end();
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
