import type { HeaderLine } from "@onceover/core";
import { memoryRegistry } from "@onceover/core/revisions";
import { expect } from "vitest";
import {
  type AdapterCase,
  byHand,
  expectProblem,
  expectReplay,
  json,
  numbered,
  PLAIN,
  streamed,
  text,
} from "./adapter-bench.js";
import type { ClientRequest } from "./adapter-request.js";
import {
  expectReleased,
  expectStamped,
  PINNED_KINDS,
  RELEASE,
  servePinned,
  serveRevision,
} from "./adapter-revisions.js";
import type { AdapterCapabilities, NeutralHandler } from "./adapter-suite.js";
import { latch } from "./adapter-wait.js";

/** What an application says of its own under the names that are ours. */
const CLAIMS: readonly HeaderLine[] = [
  ["Revision", "r99"],
  ["Release", "mine"],
  ["Index-Hash", "mine"],
];

interface Told {
  readonly answer: string;
  readonly needs?: keyof AdapterCapabilities;
  readonly handler: NeutralHandler;
  readonly status: number;
  /** What of it is looked at with and without a key. @default both */
  readonly keyed?: "only";
}

const TOLD: readonly Told[] = [
  { answer: "JSON", handler: () => json({ ok: true }, 200, CLAIMS), status: 200 },
  { answer: "an answer sent at once", handler: () => text("ok", 200, [...PLAIN, ...CLAIMS]), status: 200 },
  { answer: "a 204", handler: () => ({ how: "empty", status: 204, headers: CLAIMS }), status: 204 },
  { answer: "a redirect", handler: () => ({ how: "redirect", status: 303, location: "/receipts/1" }), status: 303 },
  {
    answer: "an answer written in pieces",
    handler: () => streamed("write", ["a", "b"], undefined, [...PLAIN, ...CLAIMS]),
    status: 200,
  },
  {
    answer: "a piped stream",
    handler: () => streamed("pipe", ["a", "b"], undefined, [...PLAIN, ...CLAIMS]),
    status: 200,
  },
  {
    answer: "a head written by hand",
    needs: "nodeResponse",
    handler: () => byHand((response) => void response.writeHead(202, Object.fromEntries(CLAIMS)).end("ok")),
    status: 202,
  },
  {
    answer: "an error a handler throws",
    handler() {
      throw new Error("no such account");
    },
    status: 500,
    keyed: "only",
  },
  {
    answer: "an error a handler throws, without a key too,",
    needs: "errorAnswers",
    async handler() {
      throw new Error("no such account");
    },
    status: 500,
  },
];

function requests(keyed: Told["keyed"]): ClientRequest[] {
  const withKey: ClientRequest = { key: "k", body: "x" };
  return keyed === "only" ? [withKey] : [withKey, { body: "x" }, { method: "GET" }, { method: "HEAD" }];
}

/** What answers say of revision and pins. */
export const STAMP_CASES: readonly AdapterCase[] = [
  ...TOLD.flatMap(({ answer, needs, handler, status, keyed }) =>
    PINNED_KINDS.map(
      ({ kind, serve, expectSaid }): AdapterCase => ({
        rule: `${answer} says its revision and pins, whatever the application says: ${kind}`,
        ...(needs && { needs }),
        async run(bench) {
          const app = await serve(bench, { handler });
          for (const request of requests(keyed)) {
            const said = await app.send(request);
            expect(said.status).toBe(status);
            expectSaid(said);
          }
        },
      }),
    ),
  ),
  {
    rule: "what the framework finds nowhere says its revision and pins",
    async run(bench) {
      const app = await servePinned(bench, {});
      for (const request of requests(undefined)) {
        const answer = await app.send({ ...request, path: "/pay" });
        expect(answer.status).toBe(404);
        expectStamped(answer, "r1");
      }
    },
  },
  {
    rule: "a replay, a joined answer and a problem say their revision and pins",
    async run(bench) {
      const end = latch();
      const handler = () => streamed("write", ["a", "b"], (index) => index === 1 && end.opened, [...PLAIN, ...CLAIMS]);
      const app = await servePinned(bench, { handler });
      const first = app.open({ key: "k", body: "x" });
      await first.until((received) => received === "a");
      const joined = app.open({ key: "k", body: "x" });
      await joined.until((received) => received === "a");
      end.open();
      const answers = [await first.answer(), await joined.answer(), await app.send({ key: "k", body: "x" })];
      for (const answer of answers) expectStamped(answer, "r1");
      expectReplay(await joined.answer(), await first.answer());
      const refused = await app.send({ key: "k", body: "y" });
      expectProblem(refused, 422, "key-reused");
      expectStamped(refused, "r1");
    },
  },
  {
    rule: "nothing of it is recorded: a replay by another revision names that one",
    async run(bench) {
      const registry = memoryRegistry();
      const routes = { handler: numbered() };
      const [one, other] = [
        await serveRevision(bench, registry, { revision: "r1", routes }),
        await serveRevision(bench, registry, { revision: "r2", routes, options: { release: "2026-12" } }),
      ];
      const first = await one.send({ key: "k" });
      const again = await other.send({ key: "k" });
      expectReplay(again, first);
      expectReleased(first, "r1");
      expectStamped(again, "r2");
      expect([RELEASE, again.lines("release")]).toEqual(["2026-11", ["2026-12"]]);
    },
  },
];
