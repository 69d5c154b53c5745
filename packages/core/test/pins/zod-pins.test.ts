import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createOnceover, memoryStore, SHARED_SCOPE } from "../../src/index.js";
import { pins } from "../../src/pins/attach.js";
import { bytesOf } from "../support.js";

const schema = z
  .object({
    corpusRev: z.string().regex(/^\d{4}-\d{2}$/, "must be a month"),
    shardCount: z.coerce.number().int().positive(),
  })
  .partial();

const once = createOnceover({
  service: "search",
  revision: "r1",
  store: memoryStore(),
  scope: SHARED_SCOPE,
  pins: pins({
    writes: { schemaRev: 12, corpusRev: "2026-11", shardCount: 4 },
    accepts: { corpusRev: ["2026-10"], shardCount: [2] },
    read: async () => ({ corpusRev: "2026-11", shardCount: "4" }),
    schema,
  }),
});
const mount = once.mount();

/** What becomes of a request with these header lines. */
async function ask(headers: Readonly<Record<string, string>>) {
  const verdict = await mount.attempt({
    method: "GET",
    target: "/search",
    header: (name) => [headers[name] ?? []].flat(),
    body: () => bytesOf(""),
    request: undefined,
  });
  if (verdict.action === "pass") return verdict.pinned?.pinned;
  if (verdict.action !== "answer") throw new Error(verdict.action);
  return JSON.parse(new TextDecoder().decode(verdict.answer.chunks[0]));
}

describe("pins of an application's own, by a schema of zod", () => {
  it("reach the handler as the schema makes them", async () => {
    expect(await ask({ "corpus-rev": "2026-11", "shard-count": "4" })).toMatchObject({
      asked: { corpusRev: "2026-11", shardCount: 4 },
      live: { schemaRev: 12, corpusRev: "2026-11", shardCount: 4 },
    });
  });

  it.each(["x-corpus-rev", "corpus_rev"])("are read by the spelling %s, too", async (name) => {
    expect(await ask({ [name]: "2026-11" })).toMatchObject({ asked: { corpusRev: "2026-11" } });
  });

  it("are refused in the schema's own words where it refuses them", async () => {
    expect(await ask({ "corpus-rev": "november" })).toMatchObject({
      status: 400,
      code: "pins-invalid",
      detail: "corpusRev: must be a month",
    });
  });

  it("are compared as they are: what the backend does not have is refused, though it was accepted once", async () => {
    expect(await ask({ "corpus-rev": "2026-10" })).toMatchObject({ status: 412, code: "backend-behind" });
    expect(await ask({ "shard-count": "2" })).toMatchObject({ status: 412, asked: { shardCount: 2 } });
  });

  it("are known to the types: what the schema does not make cannot be written", () => {
    // @ts-expect-error a text is no number
    expect(() => pins({ writes: { shardCount: "four" }, schema })).not.toThrow();
    // @ts-expect-error the schema knows no such pin
    expect(() => pins({ writes: { otherPin: "a" }, schema })).not.toThrow();
    // @ts-expect-error without a schema there are no pins of one's own
    expect(() => pins({ writes: { corpusRev: "2026-11" } })).toThrow(
      new TypeError("schema must be given for pins of your own (corpusRev), got undefined"),
    );
  });
});
