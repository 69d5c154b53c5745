import type { Readable } from "node:stream";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ALPACA, postTo, testAsClient } from "./client.js";

let worker: Miniflare;
let url: string;
let printed = "";

beforeAll(async () => {
  worker = new Miniflare({
    modules: true,
    cf: false,
    script: await bundle("../hono-edge.ts"),
    compatibilityDate: "2026-04-01",
    host: "127.0.0.1",
    port: 0,
    handleRuntimeStdio: read,
  });
  url = new URL("/bookings", await worker.ready).href;
});
afterAll(() => worker.dispose());

async function bundle(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL(file, import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    conditions: ["onceover-src"],
  });
  return outputFiles[0]?.text ?? "";
}

function read(output: Readable, errors: Readable): void {
  output.on("data", (chunk) => {
    printed += chunk;
  });
  errors.pipe(process.stderr);
}

const send = postTo(() => url);
testAsClient(send, 201, { room: 7 }, { room: 8 });

async function book(key: string): Promise<string> {
  const answer = await send({ ...ALPACA, "Idempotency-Key": key }, { room: 7 });
  const { id } = (await answer.json()) as { id: string };
  return `mail: ${id} is booked`;
}

test("what goes on after the answer is done once, whatever is sent again", async () => {
  const [mail, again, last] = [await book("mail"), await book("mail"), await book("last")];
  expect(again).toBe(mail);
  await expect.poll(() => printed).toContain(last);
  expect(printed.split(mail)).toHaveLength(2);
});
