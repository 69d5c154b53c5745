import type { HeaderLine } from "@onceover/core";
import { memoryRegistry, type RevisionsOptions } from "@onceover/core/revisions";
import { expect } from "vitest";
import { type AdapterBench, type AdapterCase, expectProblem, json, numbered, streamed, text } from "./adapter-bench.js";
import type { ClientAnswer, ClientRequest } from "./adapter-request.js";
import {
  expectReleased,
  PINS,
  type PinnedApp,
  type RevisionLike,
  serveRevision,
  serveTwo,
} from "./adapter-revisions.js";

const EVENTS: readonly HeaderLine[] = [["Content-Type", "text/event-stream"]];
const COOKIE = "__Host-revision-pin";
const DOCUMENT: readonly HeaderLine[] = [
  ["Accept", "text/html"],
  ["Sec-Fetch-Mode", "navigate"],
];
const CLEARED = `${COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax`;

const events = (how: "write" | "pipe") => () => streamed(how, ["id: 1\ndata: a\n\n"], undefined, EVENTS);

/** One server, announced. */
function serveAlone(
  bench: AdapterBench,
  routes: RevisionLike["routes"],
  options: Partial<RevisionsOptions> = {},
): Promise<PinnedApp> {
  return serveRevision(bench, memoryRegistry(), { revision: "r1", routes, options });
}

/** A server of r2, and a pin of r1, which has left. */
async function serveAfter(
  bench: AdapterBench,
  routes: RevisionLike["routes"],
): Promise<{ readonly app: PinnedApp; readonly cookie: HeaderLine }> {
  const registry = memoryRegistry();
  const gone = await serveRevision(bench, registry, { revision: "r1", routes: numbered() });
  const token = await gone.once.pins.sign("pin", "r1", 60_000);
  await gone.leave();
  const app = await serveRevision(bench, registry, { revision: "r2", routes });
  return { app, cookie: ["Cookie", `${COOKIE}=${token}`] };
}

function expectNoPin(answer: ClientAnswer): void {
  expect([answer.lines("revision-pin"), pinCookies(answer)]).toEqual([[], []]);
}

function pinCookies(answer: ClientAnswer): readonly string[] {
  return answer.lines("set-cookie").filter((line) => line.startsWith(COOKIE));
}

function expectGiven(answer: ClientAnswer): string {
  const [token = ""] = answer.lines("revision-pin");
  expect(answer.lines("revision-pin")).toEqual([token]);
  expect(token).not.toBe("");
  expect(pinCookies(answer)).toEqual([
    expect.stringMatching(/^__Host-revision-pin=[^;]+; Path=\/; Max-Age=[1-9]\d*; Secure; HttpOnly; SameSite=Lax$/),
  ]);
  expect(pinCookies(answer)[0]).toContain(`=${token};`);
  return token;
}

/** The names in all `Vary` lines. */
function variesBy(answer: ClientAnswer): readonly string[] {
  return answer
    .lines("vary")
    .join(",")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
}

/** Who stays with the revision he began with. */
const STAY_CASES: readonly AdapterCase[] = [
  ...(["write", "pipe"] as const).map(
    (how): AdapterCase => ({
      rule: `a stream sent by ${how} gives a pin, by header and cookie, and is private`,
      async run(bench) {
        const app = await serveAlone(bench, events(how));
        const answer = await app.send({ method: "GET" });
        expectGiven(answer);
        expect(answer.lines("cache-control")).toEqual(["private"]);
        expectReleased(answer, "r1");
      },
    }),
  ),
  {
    rule: "a reconnect with the pin reaches the revision that began the stream, by header, cookie and query",
    async run(bench) {
      const { front, target } = await serveTwo(bench, { target: events("write"), front: events("write") });
      const token = expectGiven(await target.send({ method: "GET" }));
      const seen: HeaderLine = ["Last-Event-ID", "1"];
      const reconnects: readonly ClientRequest[] = [
        { headers: [["Revision-Pin", token], seen] },
        { headers: [["Cookie", `theme=dark; ${COOKIE}=${token}`], seen] },
        { headers: [seen], path: `/pay?revision-pin=${token}` },
      ];
      for (const request of reconnects) expectReleased(await front.send({ method: "GET", ...request }), "r1");
      expectReleased(await front.send({ method: "GET", headers: [seen] }), "r2");
      expect([front.runs, target.runs]).toEqual([1, 4]);
    },
  },
  {
    rule: "whoever holds a pin is given no other one, and a keyed request is pinned, too",
    async run(bench) {
      const { front, target } = await serveTwo(bench, {
        target: [{ handler: events("pipe") }, { path: "/more", handler: numbered() }],
        front: { path: "/more", handler: numbered() },
      });
      const pin: HeaderLine = ["Revision-Pin", expectGiven(await target.send({ method: "GET" }))];
      expectNoPin(await target.send({ method: "GET", headers: [pin] }));
      const answer = await front.send({ key: "k", path: "/more", json: 1, headers: [pin] });
      expect([answer.text, front.runs]).toEqual(['{"run":1}', 0]);
      expectReleased(answer, "r1");
    },
  },
  {
    rule: "what is no stream gives no pin, and what nobody pinned is not made private",
    async run(bench) {
      const app = await serveAlone(bench, () => text("ok"));
      const answer = await app.send({ method: "GET" });
      expectNoPin(answer);
      expect(answer.lines("cache-control")).toEqual([]);
    },
  },
];

interface Kept {
  readonly says: string;
  readonly headers: readonly HeaderLine[];
  readonly isGiven: boolean;
  readonly control: readonly string[];
  readonly varies: boolean;
}

const control = (value: string): HeaderLine[] => [["Cache-Control", value]];

const KEPT: readonly Kept[] = [
  { says: "nothing", headers: [], isGiven: true, control: ["private"], varies: true },
  { says: "no-cache", headers: control("no-cache"), isGiven: true, control: ["no-cache, private"], varies: true },
  { says: "no-store", headers: control("no-store"), isGiven: true, control: ["no-store"], varies: false },
  {
    says: "private",
    headers: control("private, max-age=9"),
    isGiven: true,
    control: ["private, max-age=9"],
    varies: false,
  },
  {
    says: "public",
    headers: control("public, max-age=9"),
    isGiven: false,
    control: ["public, max-age=9"],
    varies: true,
  },
  {
    says: "Expires",
    headers: [["Expires", "Thu, 01 Jan 2099 00:00:00 GMT"]],
    isGiven: false,
    control: [],
    varies: true,
  },
];

/** What caches are told. */
const CACHE_CASES: readonly AdapterCase[] = [
  ...KEPT.map(
    ({ says, headers, isGiven, control, varies }): AdapterCase => ({
      rule: `no pin is given where a shared cache may keep the answer, private is added where nobody said, Vary is merged: ${says}`,
      async run(bench) {
        const handler = () => json({ ok: true }, 200, [...headers, ["Vary", "Accept-Language"]]);
        const app = await serveAlone(bench, handler, { givePins: "all" });
        for (const method of ["GET", "HEAD"]) {
          const answer = await app.send({ method });
          if (isGiven) expectGiven(answer);
          else expectNoPin(answer);
          expect(answer.lines("cache-control")).toEqual(control);
          const ours = ["schema-rev", "index-hash", "revision-pin", "cookie"];
          const names = variesBy(answer);
          expect(names.filter((name) => name === "accept-language")).toHaveLength(1);
          expect(names.filter((name) => ours.includes(name)).sort()).toEqual(varies ? [...ours].sort() : []);
        }
      },
    }),
  ),
  {
    rule: "an answer that varies by everything stays so",
    async run(bench) {
      const app = await serveAlone(bench, () => text("ok", 200, [["Vary", "*"]]));
      expect(variesBy(await app.send({ method: "GET" }))).toEqual(["*"]);
    },
  },
  {
    rule: "Vary and cookies of middleware in front stay beside ours: on what the handler answers, a replay and a refusal",
    async run(bench) {
      const headersBefore = (): HeaderLine[] => [
        ["Vary", "Origin"],
        ["Set-Cookie", "session=1; Path=/"],
      ];
      const handler = () => text("ok", 200, control("public, max-age=9"));
      const route = { headersBefore, options: { methods: ["GET"] }, handler };
      const { app, cookie } = await serveAfter(bench, route);
      for (const key of [undefined, "k", "k"]) {
        const answer = await app.send({ method: "GET", ...(key && { key }) });
        expect(variesBy(answer)).toEqual(expect.arrayContaining(["origin", "index-hash"]));
        expect(answer.lines("set-cookie")).toEqual(["session=1; Path=/"]);
      }
      const refused = await app.send({ method: "GET", headers: [cookie] });
      expectProblem(refused, 412, "revision-gone");
      expect([...refused.lines("set-cookie")].sort()).toEqual([CLEARED, "session=1; Path=/"].sort());
    },
  },
];

/** Pins that lead nowhere. */
const GONE_CASES: readonly AdapterCase[] = [
  {
    rule: "with the cookie of a revision that is gone a document is served and the cookie cleared, anything else is refused",
    async run(bench) {
      const { app, cookie } = await serveAfter(bench, numbered(200));
      const document = await app.send({ method: "GET", headers: [...DOCUMENT, cookie] });
      expect([document.status, document.text, pinCookies(document)]).toEqual([200, '{"run":1}', [CLEARED]]);
      expectReleased(document, "r2");
      for (const request of [{ method: "GET" }, { key: "k", json: 1 }, { body: "x" }]) {
        const refused = await app.send({ ...request, headers: [cookie] });
        expectProblem(refused, 412, "revision-gone");
        expectReleased(refused, "r2");
        expect(pinCookies(refused)).toEqual([CLEARED]);
      }
      expect(app.runs).toBe(1);
      expect((await app.send({ key: "k", json: 1 })).text).toBe('{"run":2}');
    },
  },
  {
    rule: "a cookie that nobody signed counts for nothing and is cleared",
    async run(bench) {
      const app = await serveAlone(bench, numbered(200));
      const headers: readonly HeaderLine[] = [["Cookie", `${COOKIE}=forged; theme=dark`]];
      for (const request of [{ method: "GET" }, { key: "k", json: 1 }]) {
        const answer = await app.send({ ...request, headers });
        expect([answer.status, pinCookies(answer)]).toEqual([200, [CLEARED]]);
      }
    },
  },
  {
    rule: "where a request passes two mounts, a cookie is set once: given, cleared, and cleared by a refusal",
    async run(bench) {
      const forged: HeaderLine = ["Cookie", `${COOKIE}=forged`];
      const strict = { pins: { required: true } } as const;
      const app = await serveAlone(bench, [
        { path: "/stream", outer: {}, options: {}, handler: events("write") },
        { path: "/strict", outer: {}, options: strict, handler: numbered() },
        { path: "/replay", outer: {}, options: { methods: ["PUT"] }, handler: numbered() },
      ]);
      expectGiven(await app.send({ method: "GET", path: "/stream" }));
      const refused = await app.send({ method: "GET", path: "/strict", headers: [forged] });
      expectProblem(refused, 428, "pins-missing");
      const pins: readonly HeaderLine[] = [["Schema-Rev", "11"], ["Index-Hash", PINS.r1.indexHash], forged];
      const served = await app.send({ method: "GET", path: "/strict", headers: pins });
      const put = { method: "PUT", path: "/replay", key: "k", headers: [forged] };
      for (const answer of [refused, served, await app.send(put), await app.send(put)]) {
        expect(pinCookies(answer)).toEqual([CLEARED]);
        expectReleased(answer, "r1");
      }
    },
  },
];

/** Pins to a revision. */
export const REVISION_PIN_CASES: readonly AdapterCase[] = [...STAY_CASES, ...CACHE_CASES, ...GONE_CASES];
