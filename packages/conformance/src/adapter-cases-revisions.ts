import { expect } from "vitest";
import {
  type AdapterBench,
  type AdapterCase,
  expectProblem,
  expectReplay,
  json,
  numbered,
  PLAIN,
  streamed,
  text,
} from "./adapter-bench.js";
import type { ClientRequest } from "./adapter-request.js";
import { expectReleased, FOR_R1, serveTwo } from "./adapter-revisions.js";
import type { NeutralHandler, Reply } from "./adapter-suite.js";
import { latch, pause } from "./adapter-wait.js";

/** Nobody may get here: the request is meant for another revision. */
const never: NeutralHandler = () => text("this revision must not have run");

/** Sends a request that only the other revision can serve. */
function forR1(request: ClientRequest): ClientRequest {
  return { ...request, headers: [...FOR_R1, ...(request.headers ?? [])] };
}

interface Passed {
  readonly answer: string;
  readonly reply: Reply;
  readonly method?: string;
  readonly expected: readonly [status: number, text: string];
}

const PASSED: readonly Passed[] = [
  { answer: "JSON", reply: json({ ok: "é" }, 202), expected: [202, '{"ok":"é"}'] },
  { answer: "the head of an answer", reply: text("ok"), method: "HEAD", expected: [200, ""] },
  { answer: "a 204", reply: { how: "empty", status: 204, headers: [] }, expected: [204, ""] },
  { answer: "an error of the handler's own", reply: text("no", 503), expected: [503, "no"] },
];

/** How requests get to the revision that matches. */
export const REVISION_CASES: readonly AdapterCase[] = [
  ...PASSED.map(
    ({ answer, reply, method = "GET", expected }): AdapterCase => ({
      rule: `a request for another revision is forwarded, and its answer comes back: ${answer}`,
      async run(bench) {
        const { front, target } = await serveTwo(bench, { target: () => reply, front: never });
        const answered = await front.send(forR1({ method }));
        expect([answered.status, answered.text]).toEqual(expected);
        expectReleased(answered, "r1");
        expect([front.runs, target.runs]).toEqual([0, 1]);
      },
    }),
  ),
  {
    rule: "a redirect of another revision is passed on and not followed",
    async run(bench) {
      const reply = { how: "redirect", status: 303, location: "/receipts/1" } as const;
      const { front, target } = await serveTwo(bench, { target: () => reply, front: never });
      const answer = await front.send(forR1({ method: "GET" }));
      expect([answer.status, answer.header("location"), target.runs]).toEqual([303, "/receipts/1", 1]);
    },
  },
  {
    rule: "the lines of a forwarded answer come back as they are, each Set-Cookie in one of its own",
    async run(bench) {
      const headers = [
        ["X-Ledger", "l-1"],
        ["Set-Cookie", "session=1; Path=/"],
        ["Set-Cookie", "seen=yes; Path=/"],
      ] as const;
      const { front } = await serveTwo(bench, { target: () => json({ ok: true }, 200, headers), front: never });
      const answer = await front.send(forR1({ method: "GET" }));
      expect(answer.lines("x-ledger")).toEqual(["l-1"]);
      expect(answer.lines("set-cookie")).toEqual(["session=1; Path=/", "seen=yes; Path=/"]);
    },
  },
  {
    rule: "a forwarded request arrives whole: path, query, headers, key, pins and body",
    async run(bench) {
      const handler: NeutralHandler = async ({ once, pinned, body }) =>
        json({ bytes: (await body()).length, key: once?.key, asked: pinned?.asked });
      const { front, target } = await serveTwo(bench, { target: handler, front: never });
      const body = "é".repeat(50_000);
      const answer = await front.send(forR1({ key: "k", path: "/pay?to=bob", body }));
      expect(JSON.parse(answer.text)).toEqual({ bytes: 100_000, key: "k", asked: { indexHash: "ix-a" } });
      // What came over there is what was sent: another query, or body, is another request.
      for (const other of [
        { path: "/pay?to=eve", body },
        { path: "/pay?to=bob", body: `${body}!` },
      ]) {
        expectProblem(await target.send(forR1({ key: "k", ...other })), 422, "key-reused");
      }
      expectReplay(await target.send(forR1({ key: "k", path: "/pay?to=bob", body })), answer);
    },
  },
  {
    rule: "a key that is forwarded runs once over there, whichever revision its retry reaches",
    async run(bench) {
      const { front, target } = await serveTwo(bench, { target: numbered(), front: never });
      const first = await front.send(forR1({ key: "k", json: { amount: 1 } }));
      expect([first.status, first.text]).toEqual([201, '{"run":1}']);
      for (const app of [front, target]) expectReplay(await app.send(forR1({ key: "k", json: { amount: 1 } })), first);
      const atFront = await front.send({ key: "k", json: { amount: 1 } });
      expectReplay(atFront, first);
      expectReleased(atFront, "r2");
      expect([front.runs, target.runs]).toEqual([0, 1]);
    },
  },
  {
    rule: "the first byte of a forwarded stream comes while its handler is still at work",
    async run(bench) {
      const gate = latch();
      const source = () => streamed("write", ["early", "late"], (index) => index === 1 && gate.opened);
      const { front } = await serveTwo(bench, { target: source, front: never });
      const exchange = front.open(forR1({ method: "GET" }));
      expect(await exchange.until((received) => received.includes("early"))).not.toContain("late");
      gate.open();
      expect((await exchange.answer()).text).toBe("earlylate");
    },
  },
  {
    rule: "a forwarded stream that breaks is cut off for the client",
    async run(bench) {
      const half = latch();
      const source = () =>
        streamed("pipe", ["half of it", "never sent"], async (index) => {
          if (index !== 1) return;
          await half.opened;
          throw new Error("the source broke");
        });
      const { front } = await serveTwo(bench, { target: source, front: never });
      const exchange = front.open(forR1({ method: "GET" }));
      await exchange.until((received) => received.includes("half of it"));
      half.open();
      await exchange.closed;
      expect(exchange.isWhole).toBe(false);
    },
  },
  {
    rule: "a client that hangs up is heard by the revision its request was forwarded to",
    async run(bench) {
      const stopped = latch();
      const target = (): Reply => ({ how: "pipe", status: 200, headers: PLAIN, source: endless(stopped.open) });
      const { front } = await serveTwo(bench, { target, front: never });
      const exchange = front.open(forR1({ method: "GET" }));
      await exchange.until((received) => received !== "");
      exchange.hangUp();
      await stopped.opened;
    },
  },
  {
    rule: "where the other revision cannot be reached, the answer is 503 and nothing runs",
    async run(bench) {
      const { front, target } = await serveTwo(bench, { target: never, front: never });
      await target.close();
      for (const request of [{ method: "GET" }, { key: "k", json: 1 }, { body: "x" }]) {
        const answer = await front.send(forR1(request));
        const { detail } = expectProblem(answer, 503, "revision-unreachable");
        expect([typeof detail, Number(answer.header("retry-after"))]).toEqual(["string", expect.any(Number)]);
      }
      expect(front.runs).toBe(0);
    },
  },
  {
    rule: "a request whose body was parsed before the adapter cannot be forwarded, and is told so",
    needs: "bodyParser",
    async run(bench) {
      const { front, target } = await serveTwo(bench, {
        target: never,
        front: { bodyParser: "before", handler: never },
      });
      expectProblem(await front.send(forR1({ json: { amount: 1 } })), 502, "forward-failed");
      expect([front.runs, target.runs]).toEqual([0, 0]);
    },
  },
  {
    rule: "a request that comes back to its service is answered 508",
    async run(bench) {
      const { front, target } = await serveTwo(bench, { target: never, front: never });
      const answer = await front.send(forR1({ key: "k", headers: [["Via", "1.1 onceover-conformance"]] }));
      expectProblem(answer, 508, "forward-loop");
      expectReleased(answer, "r2");
      expect([front.runs, target.runs]).toEqual([0, 0]);
    },
  },
  {
    rule: "a mount with pins: false forwards nothing",
    async run(bench) {
      const { front, target } = await serveTwo(bench, {
        target: never,
        front: { options: { pins: false }, handler: () => text("ours") },
      });
      expect((await front.send(forR1({ method: "GET" }))).text).toBe("ours");
      expect(target.runs).toBe(0);
    },
  },
  {
    rule: 'route "redirect": the answer is 307 to where clients reach the other revision',
    run: (bench) =>
      withRoute(bench, "redirect", async ({ front, target }) => {
        for (const request of [{ method: "GET" }, { key: "k", json: 1 }]) {
          const answer = await front.send(forR1({ path: "/pay?to=bob", ...request }));
          expect([answer.status, answer.header("location")]).toEqual([307, `${target.url}/pay?to=bob`]);
          expect(answer.header("cache-control")).toBe("no-store");
          expectReleased(answer, "r2");
        }
      }),
  },
  {
    rule: 'route "misdirect": the answer is 421, and names the revision',
    run: (bench) =>
      withRoute(bench, "misdirect", async ({ front }) => {
        for (const request of [{ method: "GET" }, { key: "k", json: 1 }]) {
          const answer = await front.send(forR1(request));
          expect(expectProblem(answer, 421, "misdirected")).toMatchObject({ revision: "r1" });
          expectReleased(answer, "r2");
        }
      }),
  },
];

async function withRoute(
  bench: AdapterBench,
  route: "redirect" | "misdirect",
  see: (two: Awaited<ReturnType<typeof serveTwo>>) => Promise<void>,
): Promise<void> {
  const two = await serveTwo(bench, { target: never, front: never }, { route });
  await see(two);
  expect([two.front.runs, two.target.runs, bench.store.calls("acquire")]).toEqual([0, 0, 0]);
}

/** Goes on until nobody wants it any more. */
async function* endless(stopped: () => void): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      yield Buffer.from("more ");
      await pause(5);
    }
  } finally {
    stopped();
  }
}
