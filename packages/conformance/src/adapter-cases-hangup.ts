import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "vitest";
import {
  type AdapterBench,
  type AdapterCase,
  type App,
  byHand,
  expectProblem,
  json,
  streamed,
  text,
} from "./adapter-bench.js";
import { requestText } from "./adapter-raw.js";
import type { ClientRequest } from "./adapter-request.js";
import type { AdapterCapabilities, NeutralHandler, Reply } from "./adapter-suite.js";
import { latch, pause, until } from "./adapter-wait.js";

/** When the client hangs up, in milliseconds; the handler works three times as long. */
const HANGS_UP_MS = 40;
const LARGE = "0123456789".repeat(100_000);

interface Late {
  readonly answer: string;
  readonly needs?: keyof AdapterCapabilities;
  reply(file: string): Reply;
  readonly text: string;
}

const LATE: readonly Late[] = [
  { answer: "JSON", reply: () => json({ paid: true }), text: '{"paid":true}' },
  { answer: "bytes", reply: () => text("paid"), text: "paid" },
  { answer: "three writes", reply: () => streamed("write", ["a", "b", "c"]), text: "abc" },
  { answer: "a stream", reply: () => streamed("pipe", ["a", "b", "c"]), text: "abc" },
  { answer: "a file", needs: "sendFile", reply: (path) => ({ how: "file", path }), text: LARGE },
  { answer: "nothing", reply: () => ({ how: "empty", status: 200, headers: [] }), text: "" },
];

/** Serves a handler that takes its time, and hands out the path of a large file with the app. */
async function withLate(
  { serve }: AdapterBench,
  { reply, text }: Late,
  worksMs: number,
  hangUp: (app: App) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "onceover-hangup-"));
  try {
    const file = join(folder, "receipt.txt");
    await writeFile(file, LARGE);
    const handler: NeutralHandler = async (call) => {
      await pause(worksMs);
      expect(await call.body()).toBe("1");
      return reply(file);
    };
    const app = await serve({ options: { maxRecordBytes: 2_000_000 }, handler });
    await hangUp(app);
    const again = await app.send({ key: "k", json: 1 });
    expect([again.status < 300, again.header("idempotency-replayed")]).toEqual([true, "true"]);
    expect(again.text === text).toBe(true);
    expect(app.runs).toBe(1);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function hangUpBefore(bench: AdapterBench, late: Late, hangsUpMs: number): Promise<void> {
  return withLate(bench, late, 3 * hangsUpMs, async (app) => {
    const exchange = app.open({ key: "k", json: 1 });
    await until("it runs", () => app.runs === 1);
    await pause(hangsUpMs);
    exchange.hangUp();
  });
}

function hangUpAtClaim(bench: AdapterBench, late: Late): Promise<void> {
  return withLate(bench, late, 0, (app) => goneAtClaim(bench, app, { key: "k", json: 1 }));
}

/** Sends a request, hangs up while its key is being claimed, and lets it be claimed then. */
async function goneAtClaim({ store }: AdapterBench, app: App, request: ClientRequest): Promise<void> {
  const hold = store.hold("acquire");
  const exchange = app.open(request);
  await hold.reached;
  exchange.hangUp();
  await pause(HANGS_UP_MS);
  hold.release();
  await until("it ran", () => app.runs === 1);
}

async function readLate({ serve }: AdapterBench, fingerprint: "request" | "off", body: string): Promise<void> {
  const gate = latch();
  const handler: NeutralHandler = async (call) => {
    const signal = call.once?.signal;
    await gate.opened;
    return json({ told: await call.body(), lost: signal?.aborted });
  };
  const app = await serve({ options: { fingerprint }, handler });
  const exchange = app.open({ key: "k", body });
  await until("it runs", () => app.runs === 1);
  exchange.hangUp();
  await pause(HANGS_UP_MS);
  gate.open();
  const again = await app.send({ key: "k", body });
  expect([again.status, JSON.parse(again.text), app.runs]).toEqual([201, { told: body, lost: false }, 1]);
}

/** Sends a request, waits for the first bytes of the answer, hangs up, and lets the handler go on. */
async function hangUpAmid({ serve }: AdapterBench, options: object, answer: (gate: Promise<void>) => Reply) {
  const gate = latch();
  const handler: NeutralHandler = () => answer(gate.opened);
  const app = await serve({ options, handler });
  const exchange = app.open({ key: "k", body: "x" });
  await exchange.until((received) => received.includes("first "));
  exchange.hangUp();
  await pause(HANGS_UP_MS);
  gate.open();
  return { app, again: await app.send({ key: "k", body: "x" }) };
}

/** A client that hangs up ends neither run nor record. */
export const HANGUP_CASES: readonly AdapterCase[] = [
  ...LATE.map(
    (late): AdapterCase => ({
      rule: `a client that hangs up before the handler answers ${late.answer} is given that answer when it comes again`,
      ...(late.needs && { needs: late.needs }),
      run: (bench) => hangUpBefore(bench, late, late.answer === "JSON" ? 100 : HANGS_UP_MS),
    }),
  ),
  ...(["write", "pipe"] as const).map(
    (how): AdapterCase => ({
      rule: `a client that hangs up in the middle of a ${how} is given the whole answer when it comes again`,
      async run(bench) {
        const { app, again } = await hangUpAmid(bench, {}, (gate) =>
          streamed(how, ["first ", "then ", "last"], (index) => index === 1 && gate),
        );
        expect(again.text).toBe("first then last");
        expect(app.runs).toBe(1);
      },
    }),
  ),
  {
    rule: "a client that hangs up while a stream waits for room does not stop it",
    async run(bench) {
      const pieces = ["first ", ...Array.from({ length: 40 }, () => "x".repeat(100_000)), " last"];
      const options = { maxRecordBytes: 10_000_000 };
      const { app, again } = await hangUpAmid(bench, options, (gate) =>
        streamed("pipe", pieces, (index) => index === 41 && gate),
      );
      expect(again.text === pieces.join("")).toBe(true);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "a client that ends its own side early, which servers take for a hang-up, is given the answer when it comes again",
    only: "http/1.1",
    async run({ serve }) {
      const gate = latch();
      const app = await serve(async () => {
        await gate.opened;
        return text("paid");
      });
      const raw = app.raw();
      raw.write(requestText({ key: "k", body: "x" }));
      raw.end();
      await until("it runs", () => app.runs === 1);
      await pause(HANGS_UP_MS);
      gate.open();
      const again = await app.send({ key: "k", body: "x" });
      expect([again.text, again.header("idempotency-replayed"), app.runs]).toEqual(["paid", "true", 1]);
    },
  },
  ...(["request", "off"] as const).flatMap((fingerprint) =>
    ["pay bob", ""].map(
      (body): AdapterCase => ({
        rule: `fingerprint ${fingerprint}: a handler that reads its ${body === "" ? "empty " : ""}body after the client hung up still has it`,
        run: (bench) => readLate(bench, fingerprint, body),
      }),
    ),
  ),
  {
    rule: "a body parser behind the adapter reads its body, though the client hung up while its key was being claimed",
    needs: "bodyParser",
    async run(bench) {
      const handler: NeutralHandler = async (call) => json({ told: await call.body() });
      const app = await bench.serve({ bodyParser: "after", handler });
      await goneAtClaim(bench, app, { key: "k", json: { to: "bob" } });
      const again = await app.send({ key: "k", json: { to: "bob" } });
      expect([again.status, JSON.parse(again.text), app.runs]).toEqual([201, { told: '{"to":"bob"}' }, 1]);
    },
  },
  ...LATE.map(
    (late): AdapterCase => ({
      rule: `a client that hangs up while its key is being claimed is given ${late.answer} when it comes again`,
      ...(late.needs && { needs: late.needs }),
      run: (bench) => hangUpAtClaim(bench, late),
    }),
  ),
  {
    rule: "a stream that broke before the client hung up does not keep the key from its tombstone",
    needs: "nodeResponse",
    async run({ serve }) {
      const source = new PassThrough();
      const app = await serve(() => byHand((response) => void source.on("error", () => {}).pipe(response)));
      const exchange = app.open({ key: "k", body: "x" });
      await until("it runs", () => app.runs === 1);
      source.write("first ");
      await exchange.until((received) => received.includes("first "));
      source.destroy(new Error("the source broke"));
      await pause(HANGS_UP_MS);
      exchange.hangUp();
      await until("the tombstone is recorded", () => app.events.some(({ type }) => type === "recorded"));
      expectProblem(await app.send({ key: "k", body: "x" }), 409, "answer-not-kept", true);
    },
  },
  {
    rule: "a client that hangs up between two streams of one answer is given both when it comes again",
    needs: "nodeResponse",
    async run({ serve }) {
      const streams = [new PassThrough(), new PassThrough()] as const;
      const answer = (response: ServerResponse) => {
        streams[0].pipe(response, { end: false });
        streams[0].on("close", () => streams[1].pipe(response));
      };
      const app = await serve(() => byHand(answer));
      const exchange = app.open({ key: "k", body: "x" });
      await until("it runs", () => app.runs === 1);
      streams[0].write("first ");
      await exchange.until((received) => received.includes("first "));
      exchange.hangUp();
      await pause(HANGS_UP_MS);
      streams[0].end();
      streams[1].end("second");
      const again = await app.send({ key: "k", body: "x" });
      expect([again.text, app.runs]).toEqual(["first second", 1]);
    },
  },
  {
    rule: "a stream that begins after the client hung up and breaks leaves a tombstone",
    needs: "nodeResponse",
    async run({ serve }) {
      const [gate, source] = [latch(), new PassThrough()];
      const answer = async (response: ServerResponse) => {
        await gate.opened;
        source.on("error", () => {}).pipe(response);
      };
      const app = await serve(() => byHand(answer));
      const exchange = app.open({ key: "k", body: "x" });
      await until("it runs", () => app.runs === 1);
      exchange.hangUp();
      await pause(HANGS_UP_MS);
      gate.open();
      source.write("half");
      await pause(HANGS_UP_MS);
      source.destroy(new Error("the source broke"));
      await until("the tombstone is recorded", () => app.events.some(({ type }) => type === "recorded"));
      expectProblem(await app.send({ key: "k", body: "x" }), 409, "answer-not-kept", true);
    },
  },
  {
    rule: "a duplicate that hangs up while it waits leaves the first request alone",
    async run({ serve }) {
      const gate = latch();
      const app = await serve(async () => {
        await gate.opened;
        return json({ paid: true });
      });
      const first = app.send({ key: "k", json: 1 });
      await expect(app.send({ key: "k", json: 1 }, AbortSignal.timeout(HANGS_UP_MS))).rejects.toThrow();
      gate.open();
      expect((await first).text).toBe('{"paid":true}');
      expect(app.runs).toBe(1);
    },
  },
];
