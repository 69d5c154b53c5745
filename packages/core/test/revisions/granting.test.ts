import { describe, expect, it } from "vitest";
import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import { type FakePlatform, fakePlatform } from "../fake-platform.js";
import { type Asked, factsOf, KEYS, type PinnedService, pinnedService, sideBySide } from "../pins/service.js";
import { announce } from "./neighbour.js";
import { type ScriptedRegistry, scriptedRegistry } from "./scripted-registry.js";

const HOUR_MS = 3_600_000;
/** The fake clock's zero. */
const BEGIN_MS = 1_700_000_000_000;

interface Stage extends PinnedService {
  readonly platform: FakePlatform;
  readonly registry: ScriptedRegistry;
  /** What an answer of that head says, by name. */
  answer(status: number, headers: Readonly<Record<string, string>>, asked?: Asked): Promise<Map<string, string>>;
}

function stage(more: Partial<RevisionsOptions> = {}): Stage {
  const platform = fakePlatform();
  const registry = scriptedRegistry(platform.monotonicMs);
  const service = pinnedService({ platform, revisions: sideBySide(registry, more) });
  const mount = service.once.mount();
  return {
    ...service,
    registry,
    async answer(status, headers, asked = {}) {
      const verdict = await mount.attempt(factsOf(asked));
      if (verdict.action !== "pass") throw new Error(`expected to pass, got ${verdict.action}`);
      return new Map(verdict.pinned?.dress(status, (name) => headers[name]) ?? []);
    },
  };
}

const SSE = { "content-type": "text/event-stream; charset=utf-8" };
const JSON_TYPE = { "content-type": "application/json" };

const tokenOf = (lines: Map<string, string>) => lines.get("Revision-Pin") ?? "none";

async function claimsOf(lines: Map<string, string>): Promise<unknown> {
  const verified = await KEYS.verify(tokenOf(lines), 0);
  return verified.outcome === "pin" ? verified.claims : verified.why;
}

describe("an answer that is a stream", () => {
  it.each([
    ["text/event-stream", true],
    ["TEXT/Event-Stream", true],
    ["application/x-ndjson", true],
    ["application/ndjson; charset=utf-8", true],
    ["application/json-seq", true],
    ["application/jsonl", true],
    ["application/json", false],
    ["text/html", false],
    ["text/event-streams", false],
  ])("of %s pins whoever gets it: %s", async (type, isGiven) => {
    const lines = await stage().answer(200, { "content-type": type });
    expect([lines.has("Revision-Pin"), lines.has("Set-Cookie")]).toEqual([isGiven, isGiven]);
  });

  it("gives a pin of this revision, its epoch, and the lifetime, as header and as cookie", async () => {
    const lines = await stage({ pinLifetime: "10m" }).answer(200, SSE);
    expect(await claimsOf(lines)).toEqual({
      kind: "pin",
      revision: "r2",
      epoch: 0,
      expiresAtMs: BEGIN_MS + 600_000,
    });
    expect(lines.get("Set-Cookie")).toBe(
      `__Host-revision-pin=${tokenOf(lines)}; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax`,
    );
  });

  it("gives no cookie where cookies are off", async () => {
    const lines = await stage({ cookie: false }).answer(200, SSE);
    expect([lines.has("Revision-Pin"), lines.has("Set-Cookie")]).toEqual([true, false]);
    expect(lines.get("Vary")).toBe("schema-rev, x-schema-rev, schema_rev, Revision-Pin");
  });

  it.each([
    ["none", undefined],
    ["no-store", undefined],
    ["private, max-age=60", undefined],
    ["no-cache", "no-cache, private"],
    ["", "private"],
  ])("with Cache-Control %j says %s of it", async (control, said) => {
    const head = control === "none" ? SSE : { ...SSE, "cache-control": control };
    const lines = await stage().answer(200, head);
    expect(lines.has("Revision-Pin")).toBe(true);
    expect(lines.get("Cache-Control")).toBe(control === "none" ? "private" : said);
  });

  it.each([
    { "cache-control": "public, max-age=60" },
    { "cache-control": "max-age=60" },
    { "cache-control": "s-maxage=1" },
    { "cache-control": "must-revalidate" },
    { "cache-control": "stale-while-revalidate=1" },
    { expires: "Thu, 01 Jan 2037 00:00:00 GMT" },
    { "cdn-cache-control": "max-age=60" },
    { "surrogate-control": "max-age=60" },
    { "x-accel-expires": "60" },
  ])("that a shared cache may keep, %j, gives none and clears none", async (control) => {
    const lines = await stage({ givePins: "all" }).answer(
      200,
      { ...SSE, ...control },
      { headers: { cookie: "__Host-revision-pin=junk" } },
    );
    expect([lines.has("Revision-Pin"), lines.has("Set-Cookie"), lines.has("Cache-Control")]).toEqual([
      false,
      false,
      false,
    ]);
    expect(lines.get("Vary")).toBe("schema-rev, x-schema-rev, schema_rev, Revision-Pin, Cookie");
  });

  it("gives none where it is no success", async () => {
    expect((await stage().answer(500, SSE)).has("Revision-Pin")).toBe(false);
    expect((await stage().answer(307, SSE)).has("Revision-Pin")).toBe(false);
  });
});

describe("givePins", () => {
  it('"all" pins whoever gets any answer that no shared cache may keep', async () => {
    expect((await stage({ givePins: "all" }).answer(200, JSON_TYPE)).has("Revision-Pin")).toBe(true);
  });

  it('"none" pins nobody, and pins that come in hold all the same', async () => {
    const found = stage({ givePins: "none" });
    await announce(found.registry, { revision: "r1", pins: { writes: { schemaRev: 11 } } });
    expect((await found.answer(200, SSE)).has("Revision-Pin")).toBe(false);
    const pin = await found.once.pins.sign("pin", "r1", HOUR_MS);
    expect((await found.ask("get", { headers: { "revision-pin": pin } })).verdict).toBe("to r1");
  });

  it("without keys pins nobody, and says nothing of cookies", async () => {
    const lines = await stage({ keys: undefined }).answer(200, SSE);
    expect([...lines.keys()]).toEqual(["Revision", "Schema-Rev", "Vary"]);
    expect(lines.get("Vary")).toBe("schema-rev, x-schema-rev, schema_rev");
  });
});

describe("one who has a pin", () => {
  const held = async (found: Stage, lifetimeMs: number): Promise<Asked> => ({
    headers: { "revision-pin": await found.once.pins.sign("pin", "r2", lifetimeMs) },
  });

  it("gets no other one as long as more than half of its lifetime is left", async () => {
    const found = stage();
    expect(tokenOf(await found.answer(200, SSE, await held(found, HOUR_MS / 2 + 1)))).toBe("none");
  });

  it("gets another one from half of its lifetime on", async () => {
    const found = stage();
    expect(await claimsOf(await found.answer(200, SSE, await held(found, HOUR_MS / 2)))).toMatchObject({
      revision: "r2",
      expiresAtMs: BEGIN_MS + HOUR_MS,
    });
  });

  it("of a revision that is gone gets one of this, however long it would have held", async () => {
    const found = stage({ givePins: "all" });
    const { stop } = await announce(found.registry, { revision: "r1", pins: { writes: { schemaRev: 11 } } });
    await stop();
    const cookie = `__Host-revision-pin=${await found.once.pins.sign("pin", "r1", HOUR_MS)}`;
    expect((await found.ask("document", { headers: { cookie } })).headers).toMatchObject({
      "Revision-Pin": "<pin of r2>",
      "Set-Cookie": "__Host-revision-pin=<pin of r2>; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax",
    });
  });

  it("of a revision that fell silent keeps it: it may come back", async () => {
    const found = stage({ givePins: "all" });
    await announce(found.registry, { revision: "r1", pins: { writes: { schemaRev: 11 } } });
    found.platform.pause(15_001);
    const cookie = `__Host-revision-pin=${await found.once.pins.sign("pin", "r1", HOUR_MS)}`;
    const { headers } = await found.ask("document", { headers: { cookie } });
    expect([headers["Revision-Pin"], headers["Set-Cookie"]]).toEqual([undefined, undefined]);
  });
});

describe("the token", () => {
  it("is one for all requests of an eighth of its lifetime, then another one", async () => {
    const found = stage();
    const first = tokenOf(await found.answer(200, SSE));
    found.platform.pause(HOUR_MS / 8 - 1);
    expect(tokenOf(await found.answer(200, SSE))).toBe(first);
    found.platform.pause(1);
    expect(await claimsOf(await found.answer(200, SSE))).toMatchObject({ expiresAtMs: BEGIN_MS + HOUR_MS * 1.125 });
  });

  it("says in its cookie how long it will still hold", async () => {
    const found = stage();
    await found.answer(200, SSE);
    found.platform.pause(60_500);
    expect((await found.answer(200, SSE)).get("Set-Cookie")).toContain("; Max-Age=3539;");
  });

  it("holds no longer than the revision is promised to live, and none is given after that", async () => {
    const livesUntil = new Date(BEGIN_MS + 60_000);
    const found = stage({ livesUntil });
    expect(await claimsOf(await found.answer(200, SSE))).toMatchObject({ expiresAtMs: BEGIN_MS + 60_000 });
    found.platform.pause(60_000);
    expect(tokenOf(await found.answer(200, SSE))).toBe("none");
  });

  it("is given by nobody who cannot read the registry: the epoch is not known", async () => {
    const found = stage();
    found.registry.down();
    expect(tokenOf(await found.answer(200, SSE))).toBe("none");
  });
});
