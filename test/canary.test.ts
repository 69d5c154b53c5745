/**
 * Secrets are planted wherever a caller or a handler can put one. Then everything is done that makes onceover write
 * something down: runs, replays, every refusal, unknown outcomes, erasure, and each way in which a store can fail. What
 * is left is searched for them: what events, errors, logs and refusals say, what another caller is told, and all that the
 * store's server has.
 */
import { inspect } from "node:util";
import { memoryStore, OnceoverError, PROBLEMS, type Store } from "@onceover/core";
import { encryptRecords } from "@onceover/core/encryption";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Canaries, plantCanaries, tracesIn } from "./src/canary.js";
import { provokeEverything } from "./src/canary-deeds.js";
import { serveCanaries } from "./src/canary-service.js";
import { CANARY_STORES, type CanaryStore } from "./src/canary-stores.js";

const TIMEOUT_MS = 180_000;
const keys = [{ id: "2026-11", key: new Uint8Array(32).fill(7) }];

/** What operators, whoever reads logs, and other callers get to see. */
let told: { readonly by: string; readonly text: string }[] = [];

/** As whoever leaves nothing out would print it, causes and hidden properties too. */
function tell(by: string, value: unknown): void {
  const options = { depth: null, showHidden: true, maxArrayLength: null, maxStringLength: null };
  told.push({ by, text: typeof value === "string" ? value : inspect(value, options) });
}

/** The traces in everything that was told, with who told it. */
function tracesTold(canaries: Canaries): string[] {
  return told.flatMap(({ by, text }) => tracesIn(Buffer.from(text), canaries).map((trace) => `${by}: ${trace}`));
}

const warned = (warning: Error) => tell("warning", warning);

beforeEach(() => {
  told = [];
  for (const name of ["log", "info", "warn", "error", "debug"] as const) {
    vi.spyOn(console, name).mockImplementation((...values) => tell(`console.${name}`, values));
  }
  for (const name of ["stdout", "stderr"] as const) {
    vi.spyOn(process[name], "write").mockImplementation((written) => {
      tell(name, String(written));
      return true;
    });
  }
  process.on("warning", warned);
});
afterEach(() => {
  process.off("warning", warned);
  vi.restoreAllMocks();
});

describe.each(CANARY_STORES)(
  "over %s no secret is in events, errors, logs, refusals or another's answers",
  (_, open) => {
    let opened: CanaryStore;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    it.each([
      ["under encryption, nor anywhere in the store", true, []],
      [
        "without it; in the store is what was answered, nothing of what was asked",
        false,
        ["answer-body", "answer-header"],
      ],
    ])(
      "%s",
      async (_, isEncrypted, left) => {
        const canaries = plantCanaries();
        const wrap = (store: Store) => (isEncrypted ? encryptRecords(store, { keys }) : store);
        const codes = await provokeEverything(opened, wrap, canaries, tell);
        expect(codes).toEqual(Object.keys(PROBLEMS).sort());
        expect(told.length).toBeGreaterThan(100);
        expect(tracesTold(canaries)).toEqual([]);
        const found = (await opened.dump()).flatMap((bytes) => tracesIn(bytes, canaries));
        expect([...new Set(found.map((trace) => trace.split(" ")[0]))].sort()).toEqual(left);
      },
      TIMEOUT_MS,
    );
  },
);

describe("the search", () => {
  const canaries = plantCanaries();
  const secret = canaries["request-body"];
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");

  it.each<[string, string | Buffer]>([
    ["text", `a ${secret} b`],
    ["text", secret.toLowerCase()],
    ["text", secret.toUpperCase()],
    ["text", JSON.stringify({ nested: JSON.stringify({ card: secret }) })],
    ["base64", Buffer.from(`${secret} at the start`).toString("base64")],
    ["base64", Buffer.from(`1${secret}`).toString("base64")],
    ["base64", Buffer.from(`12${secret} in the middle`).toString("base64")],
    ["base64", Buffer.from(`\u00ff${secret}\u00ff`, "latin1").toString("base64url")],
    ["hex", hex],
    ["hex", `\\x${hex.toUpperCase()}`],
    ["hex", inspect(bytes)],
    ["percent-encoding", hex.replaceAll(/../g, "%$&")],
    ["escaped hex", hex.replaceAll(/../g, "\\x$&")],
    ["escaped hex", hex.replaceAll(/../g, "\\u00$&")],
    ["numbers", inspect(new Uint8Array(bytes), { maxArrayLength: null })],
    ["numbers", JSON.stringify(bytes)],
    ["text backwards", [...secret].reverse().join("")],
    ["UTF-16", Buffer.from(secret, "utf16le")],
    ["UTF-16, big-endian", Buffer.from(secret, "utf16le").swap16()],
  ])("finds a secret as %s, in little text and in many megabytes: %#", (form, planted) => {
    const little = Buffer.from(planted as Buffer);
    expect(tracesIn(little, canaries)).toContain(`request-body as ${form}`);
    const isLaidOut = /\s/.test(little.toString("latin1")) && (form === "numbers" || form === "hex");
    const much = Buffer.concat([Buffer.alloc(5_000_001, 3), little, Buffer.alloc(1_000_000, 3)]);
    if (!isLaidOut) expect(tracesIn(much, canaries)).toContain(`request-body as ${form}`);
  });

  it("finds nothing where there is nothing", () => {
    expect(tracesIn(Buffer.from(JSON.stringify(plantCanaries())), canaries)).toEqual([]);
  });

  it.each<[string, (store: Store) => Store, string]>([
    [
      "a store whose error has the record in its cause",
      (store) => ({
        ...store,
        complete(_key, _token, record) {
          const cause = new Error(`ERR in ${Buffer.from(record).toString("base64")}`);
          return Promise.reject(new OnceoverError("store-unavailable", "the store failed", { cause }));
        },
      }),
      "event store-failed: answer-body as base64",
    ],
    [
      "a store that prints what it is given",
      (store) => ({
        ...store,
        complete(...args) {
          console.debug("complete", args);
          return store.complete(...args);
        },
      }),
      "console.debug: answer-header as numbers",
    ],
  ])("finds the leak of %s", async (_, leaking, trace) => {
    const service = await serveCanaries(leaking(memoryStore()), canaries, (event) =>
      tell(`event ${event.type}`, event),
    );
    await service.send();
    await service.close();
    expect(tracesTold(canaries)).toContain(trace);
  });
});
