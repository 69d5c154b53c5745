import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { type AdapterBench, type AdapterCase, json, PLAIN, streamed, text } from "./adapter-bench.js";
import { pause, requestText } from "./adapter-client.js";
import { latch } from "./adapter-store.js";
import type { AdapterCapabilities, NeutralHandler, Reply } from "./adapter-suite.js";

/** When the client hangs up, and how long the handler works, both in milliseconds. */
const HANGS_UP_MS = 100;
const WORKS_MS = 300;
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

async function hangUpBefore({ serve }: AdapterBench, { reply, text }: Late): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "onceover-hangup-"));
  try {
    const file = join(folder, "receipt.txt");
    await writeFile(file, LARGE);
    const app = await serve({
      options: { maxRecordBytes: 2_000_000 },
      async handler() {
        await pause(WORKS_MS);
        return reply(file);
      },
    });
    await expect(app.send({ key: "k", json: 1 }, AbortSignal.timeout(HANGS_UP_MS))).rejects.toThrow();
    const again = await app.send({ key: "k", json: 1 });
    expect([again.status < 300, again.header("idempotency-replayed")]).toEqual([true, "true"]);
    expect(again.text).toBe(text);
    expect(app.runs).toBe(1);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Sends a request, waits for the first bytes of the answer, hangs up, and lets the handler go on. */
async function hangUpAmid({ serve }: AdapterBench, options: object, answer: (gate: Promise<void>) => Reply) {
  const gate = latch();
  const handler: NeutralHandler = () => answer(gate.opened);
  const app = await serve({ options, handler });
  const raw = app.raw();
  raw.write(requestText({ key: "k", body: "x" }));
  await raw.until((received) => received.includes("first "));
  raw.destroy();
  await pause(HANGS_UP_MS / 2);
  gate.open();
  return { app, again: await app.send({ key: "k", body: "x" }) };
}

/** A client that hangs up ends neither run nor record. */
export const HANGUP_CASES: readonly AdapterCase[] = [
  ...LATE.map(
    (late): AdapterCase => ({
      rule: `a client that hangs up before the handler answers ${late.answer} is given that answer when it comes again`,
      ...(late.needs && { needs: late.needs }),
      run: (bench) => hangUpBefore(bench, late),
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
    rule: "a client that says it will send no more is still answered",
    async run({ serve }) {
      const gate = latch();
      const app = await serve(async () => {
        await gate.opened;
        return text("paid", 200, PLAIN);
      });
      const raw = app.raw();
      raw.write(requestText({ key: "k", body: "x" }));
      raw.end();
      await pause(HANGS_UP_MS / 2);
      gate.open();
      await raw.until((received) => received.endsWith("paid"));
      const again = await app.send({ key: "k", body: "x" });
      expect([again.text, again.header("idempotency-replayed"), app.runs]).toEqual(["paid", "true", 1]);
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
