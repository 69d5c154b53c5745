import { createServer } from "node:net";
import type { StoreKey } from "@onceover/core";
import { listen } from "@onceover/test/listen";
import { Pool } from "pg";
import { expect, it } from "vitest";
import { migrate, postgresStore } from "../src/index.js";

/** A message of the protocol: a letter, the length of what follows, and that. */
function message(letter: string, ...parts: readonly (string | Buffer)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(letter), length, content]);
}

const LET_IN = message("R", Buffer.alloc(4));
const READY = message("Z", "I");
const SHUTTING_DOWN = message("E", "SFATAL\0C57P01\0Mterminating connection\0\0");

const CALLS = [
  ["a verb", (pool: Pool) => postgresStore({ pool }).read("k".repeat(43) as StoreKey), { code: "store-unavailable" }],
  ["migrate()", (pool: Pool) => migrate(pool), { message: expect.stringContaining("connection error") }],
] as const;

it.each(CALLS)(
  "a server that shuts down in the very breath in which it lets us in: %s rejects, and the process lives",
  async (_, call, error) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      // One packet, so that nothing but what the client does at once happens in between.
      socket.once("data", () => socket.end(Buffer.concat([LET_IN, READY, SHUTTING_DOWN])));
    });
    const { url, close } = await listen(server);
    const pool = new Pool({ host: "127.0.0.1", port: Number(new URL(url).port), user: "postgres" });
    pool.on("error", () => undefined);
    const crashes: unknown[] = [];
    const note = (error: unknown) => void crashes.push(error);
    process.on("uncaughtException", note);
    try {
      await expect(call(pool)).rejects.toMatchObject(error);
      expect(crashes).toEqual([]);
    } finally {
      process.off("uncaughtException", note);
      await pool.end();
      await close();
    }
  },
);
