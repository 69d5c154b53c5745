import type { HeaderLine, MountOptions } from "@onceover/core";
import { expect } from "vitest";
import { type AdapterCase, expectProblem, expectReplay, json, numbered, type RouteLike } from "./adapter-bench.js";
import type { ClientRequest } from "./adapter-request.js";
import { expectStamped, PINNED_KINDS, PINS, type PinnedApp, servePinned } from "./adapter-revisions.js";
import type { NeutralHandler } from "./adapter-suite.js";

const ASKED = [["Schema-Rev", "11"]] as const;
const OTHER = [["Schema-Rev", "12"]] as const;

/** A handler that answers what it is told of the request's pins. */
const telling: NeutralHandler = async ({ pinned, once, body }) =>
  json({ asked: pinned?.asked, live: pinned?.live, by: pinned?.revision, key: once?.key, body: await body() });

async function expectRefused(app: PinnedApp, request: ClientRequest, status: number, code: string): Promise<void> {
  const before = app.runs;
  const answer = await app.send(request);
  expectProblem(answer, status, code);
  expectStamped(answer, "r1");
  expect(app.runs).toBe(before);
}

/** What handlers are told. */
const PINNED_CASES: readonly AdapterCase[] = [
  ...PINNED_KINDS.map(
    ({ kind, serve }): AdapterCase => ({
      rule: `the pins of a request reach the handler, with a key and without: ${kind}`,
      async run(bench) {
        const app = await serve(bench, { handler: telling });
        const about = { live: PINS.r1, by: "r1" };
        const ask = async (request: ClientRequest) => JSON.parse((await app.send(request)).text);
        expect(await ask({ key: "k", body: "x", headers: ASKED })).toEqual({
          ...about,
          asked: { schemaRev: 11 },
          key: "k",
          body: "x",
        });
        expect(await ask({ body: "x", headers: ASKED })).toEqual({ ...about, asked: { schemaRev: 11 }, body: "x" });
        expect(await ask({ method: "GET" })).toEqual({ ...about, asked: {}, body: "" });
      },
    }),
  ),
];

/** What is refused for its pins. */
const REFUSAL_CASES: readonly AdapterCase[] = [
  {
    rule: "a request that is refused for its pins runs nothing and leaves its key free",
    async run(bench) {
      const app = await servePinned(bench, { handler: numbered() });
      await expectRefused(app, { key: "k", json: 1, headers: OTHER }, 412, "backend-behind");
      await expectRefused(app, { key: "k", json: 1, headers: [["Schema-Rev", "10"]] }, 412, "client-behind");
      await expectRefused(app, { key: "k", json: 1, headers: [["Schema-Rev", "ten"]] }, 400, "pins-invalid");
      await expectRefused(app, { json: 1, headers: OTHER }, 412, "backend-behind");
      expect([bench.store.calls("acquire"), app.runs]).toEqual([0, 0]);
      const served = await app.send({ key: "k", json: 1, headers: ASKED });
      expect([served.status, served.text]).toEqual([201, '{"run":1}']);
    },
  },
  {
    rule: "a retry is replayed, though its pins match no more",
    async run(bench) {
      const app = await servePinned(bench, { handler: numbered() });
      const first = await app.send({ key: "k", json: 1, headers: ASKED });
      const again = await app.send({ key: "k", json: 1, headers: OTHER });
      expectReplay(again, first);
      expectStamped(again, "r1");
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "spellings of a pin that disagree are refused: two names, two lines, one line with a comma",
    async run(bench) {
      const app = await servePinned(bench, { handler: numbered() });
      const disagreeing: readonly (readonly HeaderLine[])[] = [
        [...ASKED, ["X-Schema-Rev", "12"]],
        [...ASKED, ["SCHEMA_REV", "12"]],
        [...ASKED, ...OTHER],
        [["Schema-Rev", "11, 12"]],
      ];
      for (const headers of disagreeing) {
        await expectRefused(app, { key: "k", json: 1, headers }, 400, "pins-invalid");
        await expectRefused(app, { method: "GET", headers }, 400, "pins-invalid");
      }
      const agreeing: readonly HeaderLine[] = [...ASKED, ["SCHEMA_REV", "11"], ["X-Schema-Rev", "11"]];
      expect((await app.send({ key: "k", json: 1, headers: agreeing })).status).toBe(201);
    },
  },
  {
    rule: "required is said by the service, and by each mount otherwise",
    async run(bench) {
      const mounted = (path: string, pins?: MountOptions["pins"]): RouteLike => ({
        path,
        options: { pins },
        handler: numbered(),
      });
      const routes = [
        mounted("/all"),
        mounted("/one", { required: ["indexHash"] }),
        mounted("/none", { required: false }),
        mounted("/alone", false),
      ];
      const app = await servePinned(bench, routes, { writes: PINS.r1, required: true });
      await expectRefused(app, { path: "/all", key: "k", headers: ASKED }, 428, "pins-missing");
      await expectRefused(app, { path: "/one", key: "k", headers: ASKED }, 428, "pins-missing");
      const both: readonly HeaderLine[] = [...ASKED, ["Index-Hash", PINS.r1.indexHash]];
      for (const request of [
        { path: "/all", headers: both },
        { path: "/one", headers: [["Index-Hash", PINS.r1.indexHash]] },
        { path: "/none" },
        { path: "/alone" },
      ] as const) {
        expect((await app.send({ key: request.path, ...request })).status).toBe(201);
      }
    },
  },
  {
    rule: "a mount with pins: false looks at no pins and says none",
    async run(bench) {
      const app = await servePinned(bench, { options: { pins: false }, handler: telling });
      for (const key of ["k", undefined]) {
        const answer = await app.send({ ...(key && { key }), body: "x", headers: [["Schema-Rev", "ten"]] });
        expect(JSON.parse(answer.text)).toEqual({ ...(key && { key }), body: "x" });
        expect([answer.lines("revision"), answer.lines("schema-rev")]).toEqual([[], []]);
      }
    },
  },
  {
    rule: "a request that passes two mounts is judged by both, and its answer says everything once",
    async run(bench) {
      const route = { outer: {}, options: { pins: { required: true } }, handler: telling };
      const app = await servePinned(bench, route);
      await expectRefused(app, { method: "GET" }, 428, "pins-missing");
      const headers: readonly HeaderLine[] = [...ASKED, ["Index-Hash", PINS.r1.indexHash]];
      for (const request of [
        { method: "GET", headers },
        { body: "x", headers },
        { key: "k", body: "x", headers },
      ]) {
        const answer = await app.send(request);
        expect(JSON.parse(answer.text).asked).toEqual(PINS.r1);
        expectStamped(answer, "r1");
      }
    },
  },
];

/** What pins do, for a service of one revision. */
export const PIN_CASES: readonly AdapterCase[] = [...PINNED_CASES, ...REFUSAL_CASES];
