/**
 * A rollback: what the next version of onceover wrote is met by this one. It cannot know what it says, and so it neither
 * runs nor answers, and leaves it as it is; the next version finds it whole.
 */
import type { OnceoverEvent, Store } from "@onceover/core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ExpressService, serveExpress } from "./src/express-service.js";
import { type Stored, VAULTS, type Vault, type VaultName } from "./src/vaults.js";
import { until } from "./src/wait.js";

const FIELDS_BEFORE_ANSWER = 7;

/** What the next version would write: the same, with the next number where this one has its own. */
const NEXT = {
  redis: {
    row: (stored) => patched(stored, "string", () => 0),
    answer: (stored) => patched(stored, "string", answerIn),
  },
  upstash: {
    row: (stored) => patched(stored, "string", () => 0),
    answer: (stored) => patched(stored, "string", answerIn),
  },
  lmdb: { row: (stored) => patched(stored, "record", () => 0), answer: (stored) => patched(stored, "answer", () => 0) },
  postgres: {
    row: (stored) => ({ ...stored, version: Number(stored.version) + 1 }),
    answer: (stored) => patched(stored, "record", () => 0),
  },
} as const satisfies Record<VaultName, Record<"row" | "answer", (stored: Stored) => Stored>>;

/** Adds one to the byte that holds the version. */
function patched(stored: Stored, field: string, versionAt: (bytes: Buffer) => number): Stored {
  const bytes = Buffer.from(String(stored[field]), "base64");
  const at = versionAt(bytes);
  bytes[at] = (bytes[at] ?? 0) + 1;
  return { ...stored, [field]: bytes.toString("base64") };
}

/** Where the recorded answer begins in a string of Redis, behind the envelope's fields. */
function answerIn(bytes: Buffer): number {
  let at = 0;
  for (let field = 0; field < FIELDS_BEFORE_ANSWER; field++) at = bytes.indexOf("|", at) + 1;
  return at;
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const effects = new Map<string, number>();
const staying = new Map<string, () => void>();

/** A service that has just been started: it remembers nothing. */
async function startService(store: Store): Promise<ExpressService & { readonly events: OnceoverEvent[] }> {
  const events: OnceoverEvent[] = [];
  const service = await serveExpress(
    { store, idempotency: { inFlight: "reject", required: true }, on: (event) => void events.push(event) },
    async (request, response) => {
      const key = request.onceover?.key ?? "";
      if (request.body.stays === true) await new Promise<void>((go) => void staying.set(key, go));
      effects.set(key, (effects.get(key) ?? 0) + 1);
      response.status(201).json({ paid: key, id: crypto.randomUUID() });
    },
    (_request, _response, next) => next(),
  );
  closing.push(service.close);
  return { ...service, events };
}

async function send(url: string, key: string, body: object = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Idempotency-Key": key, "Content-Type": "application/json", "X-Caller": "alice" },
    body: JSON.stringify(body),
  });
  const isReplay = response.headers.get("idempotency-replayed") === "true";
  const type = response.headers.get("content-type");
  return { status: response.status, isReplay, type, body: await response.json() };
}

const STAYS = { stays: true };
const REFUSED = {
  status: 503,
  type: "application/problem+json",
  body: { code: "record-unreadable", executed: false },
};

describe.each(Object.entries(NEXT) as [VaultName, (typeof NEXT)[VaultName]][])("%s", (name, next) => {
  let vault: Vault;
  beforeAll(async () => {
    vault = await VAULTS[name]();
  });
  afterEach(() => vault.load({}));
  afterAll(() => vault.stop());

  /** Rewrites the only record there is, and tells what is kept now. */
  async function rewrite(change: (stored: Stored) => Stored): Promise<Record<string, Stored>> {
    const [[key, stored] = ["", {}], ...others] = Object.entries(await vault.dump());
    expect(others).toEqual([]);
    await vault.load({ [key]: change(stored) });
    return vault.dump();
  }

  it.each(["row", "answer"] as const)(
    "a finished run of the next version (its %s): 503 record-unreadable, nothing runs, not a byte is touched",
    async (part) => {
      const key = `${name}-${part}`;
      const first = await send((await startService(vault.store)).url, key);
      expect(first.status).toBe(201);
      const before = await vault.dump();
      const newer = await rewrite(next[part]);
      expect(newer).not.toEqual(before);
      const { url } = await startService(vault.store);
      for (const _ of [1, 2]) expect(await send(url, key)).toMatchObject(REFUSED);
      expect(await vault.dump()).toEqual(newer);
      expect(effects.get(key)).toBe(1);

      await vault.load(before);
      expect(await send(url, key)).toEqual({ ...first, isReplay: true });
      expect(effects.get(key)).toBe(1);
    },
  );

  it("a run under way whose record the next version has taken over: 503, and its own answer overwrites nothing", async () => {
    const key = `${name}-running`;
    const one = await startService(vault.store);
    const running = send(one.url, key, STAYS);
    await until("the run is under way", () => staying.has(key));
    const newer = await rewrite(next.row);
    const { url } = await startService(vault.store);
    expect(await send(url, key, STAYS)).toMatchObject(REFUSED);
    staying.get(key)?.();
    expect(await running).toMatchObject({ status: 201, isReplay: false });
    expect(one.events.map(({ type }) => type)).toContain("record-late");
    expect(await send(url, key, STAYS)).toMatchObject(REFUSED);
    expect(await vault.dump()).toEqual(newer);
    expect(effects.get(key)).toBe(1);
  });
});
