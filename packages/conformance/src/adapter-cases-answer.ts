import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import {
  type AdapterBench,
  type AdapterCase,
  expectProblem,
  expectReplay,
  json,
  PLAIN,
  streamed,
  text,
} from "./adapter-bench.js";
import type { ClientAnswer } from "./adapter-request.js";
import type { AdapterCapabilities, Reply } from "./adapter-suite.js";
import { latch, until } from "./adapter-wait.js";

/** A PNG of one pixel: bytes that are no text. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
  "base64",
);
const PIECES = ["one ", "two ", "three é"];

interface Told {
  readonly answer: string;
  readonly needs?: keyof AdapterCapabilities;
  reply(file: string): Reply;
  /** What the first answer must be. */
  check(answer: ClientAnswer): void;
}

const TOLD: readonly Told[] = [
  {
    answer: "JSON",
    reply: () => json({ paid: "é" }, 201, [["X-Ledger", "l-1"]]),
    check: ({ status, text, header }) => {
      expect([status, text, header("x-ledger")]).toEqual([201, '{"paid":"é"}', "l-1"]);
      expect(header("content-type")).toMatch(/^application\/json/);
    },
  },
  {
    answer: "an empty 200",
    reply: () => ({ how: "empty", status: 200, headers: [] }),
    check: ({ status, text }) => expect([status, text]).toEqual([200, ""]),
  },
  {
    answer: "a 204",
    reply: () => ({ how: "empty", status: 204, headers: [["X-Ledger", "l-1"]] }),
    check: ({ status, text }) => expect([status, text]).toEqual([204, ""]),
  },
  {
    answer: "a redirect",
    reply: () => ({ how: "redirect", status: 303, location: "/receipts/1" }),
    check: ({ status, header }) => expect([status, header("location")]).toEqual([303, "/receipts/1"]),
  },
  {
    answer: "a picture",
    reply: () => ({ how: "send", status: 200, headers: [["Content-Type", "image/png"]], body: PNG }),
    check: ({ body, header }) => expect([body.equals(PNG), header("content-type")]).toEqual([true, "image/png"]),
  },
  {
    answer: "three writes",
    reply: () => streamed("write", PIECES),
    check: (answer) => expect(answer.text).toBe(PIECES.join("")),
  },
  {
    answer: "a stream",
    reply: () => streamed("pipe", PIECES),
    check: (answer) => expect(answer.text).toBe(PIECES.join("")),
  },
  {
    answer: "a stream without a byte",
    reply: () => streamed("pipe", []),
    check: ({ status, text }) => expect([status, text]).toEqual([200, ""]),
  },
  {
    answer: "a file",
    needs: "sendFile",
    reply: (path) => ({ how: "file", path }),
    check: ({ text, header }) =>
      expect([text.length, header("content-type")?.split(";")[0]]).toEqual([3e5, "text/plain"]),
  },
  {
    answer: "a 422 of the handler's own",
    reply: () => json({ error: "card declined" }, 422),
    check: ({ status, text }) => expect([status, text]).toEqual([422, '{"error":"card declined"}']),
  },
];

/** Fields that are the connection's, the moment's or the mark's. */
const OWN_FIELDS =
  /^(?:connection|keep-alive|date|transfer-encoding|content-length|idempotency-replayed|cache-control)$/i;

async function tellTwice({ serve }: AdapterBench, { reply, check }: Told, file: string): Promise<void> {
  const handler = () => reply(file);
  const [app, other] = [await serve(handler), await serve(handler)];
  const first = await app.send({ key: "k", json: 1 });
  check(first);
  // The first retry is answered from the process's memory, the second from the store.
  for (const again of [await app.send({ key: "k", json: 1 }), await other.send({ key: "k", json: 1 })]) {
    expectReplay(again, first);
    expect(again.header("cache-control")).toBe(first.header("cache-control") ?? "no-store");
    for (const [name, value] of again.headers) if (!OWN_FIELDS.test(name)) expect(first.lines(name)).toContain(value);
    for (const name of ["content-type", "location", "x-ledger"]) expect(again.lines(name)).toEqual(first.lines(name));
    expect(again.header("transfer-encoding")).toBeUndefined();
    const length = again.status === 204 ? undefined : String(first.body.length);
    expect(again.header("content-length")).toBe(length);
  }
  expect([app.runs, other.runs]).toEqual([1, 0]);
}

async function withFile(use: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "onceover-answer-"));
  try {
    await writeFile(join(folder, "receipt.txt"), "0123456789".repeat(30_000));
    await use(join(folder, "receipt.txt"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const COOKIES = [
  ["Set-Cookie", "session=1; Path=/"],
  ["Set-Cookie", "seen=yes; Path=/"],
] as const;

/** What a retry is sent. */
export const ANSWER_CASES: readonly AdapterCase[] = [
  ...TOLD.map(
    (told): AdapterCase => ({
      rule: `${told.answer} is replayed with the same status and bytes, marked, no-store and with its length`,
      ...(told.needs && { needs: told.needs }),
      run: (bench) => withFile((path) => tellTwice(bench, told, path)),
    }),
  ),
  {
    rule: "Cache-Control is replayed where the handler has set it",
    async run({ serve }) {
      const app = await serve(() => text("public", 200, [...PLAIN, ["Cache-Control", "max-age=60"]]));
      await app.send({ key: "k" });
      expect((await app.send({ key: "k" })).lines("cache-control")).toEqual(["max-age=60"]);
    },
  },
  {
    rule: "two Set-Cookie lines are sent once, as two, and never replayed",
    async run({ serve }) {
      const app = await serve(() => json({ ok: true }, 200, COOKIES));
      const first = await app.send({ key: "k" });
      expect(first.lines("set-cookie")).toEqual(["session=1; Path=/", "seen=yes; Path=/"]);
      const again = await app.send({ key: "k" });
      expectReplay(again, first);
      expect(again.lines("set-cookie")).toEqual([]);
    },
  },
  {
    rule: "the moment and the exchange are not replayed: Date, request ids, tokens; other X- fields are, each line of them",
    async run({ serve }) {
      const old = "Thu, 01 Jan 1970 00:00:00 GMT";
      const headers = [
        ["Date", old],
        ["X-Request-Id", "q-1"],
        ["X-Csrf-Token", "t-1"],
        ["Server-Timing", "db;dur=5"],
        ["X-Ledger", "l-1"],
        ["X-Ledger", "l-2"],
        ["Link", "</a>; rel=next"],
      ] as const;
      const app = await serve(() => json({ ok: true }, 200, headers));
      await app.send({ key: "k" });
      const again = await app.send({ key: "k" });
      expect(again.lines("date")).toHaveLength(1);
      expect(again.header("date")).not.toBe(old);
      for (const name of ["x-request-id", "x-csrf-token", "server-timing"]) expect(again.lines(name)).toEqual([]);
      expect(again.lines("x-ledger").join(", ")).toBe("l-1, l-2");
      expect(again.lines("link")).toEqual(["</a>; rel=next"]);
    },
  },
  {
    rule: "replayHeaders names further fields to replay",
    async run({ serve }) {
      const handler = () => json({ ok: true }, 200, [["Ledger-Entry", "l-1"]]);
      const app = await serve([
        { path: "/pay", handler },
        { path: "/more", options: { replayHeaders: ["ledger-entry"] }, handler },
      ]);
      for (const [path, expected] of [["/pay", []] as const, ["/more", ["l-1"]] as const]) {
        await app.send({ key: path, path });
        expect((await app.send({ key: path, path })).lines("ledger-entry")).toEqual(expected);
      }
    },
  },
  {
    rule: "what middleware in front has set is fresh on a replay, and there once",
    async run({ serve }) {
      let requests = 0;
      const headersBefore = () => [["X-Served", String(++requests)] as const, ["X-Frame-Options", "DENY"] as const];
      const app = await serve({ headersBefore, handler: () => json({ ok: true }) });
      const answers = [await app.send({ key: "k" }), await app.send({ key: "k" })];
      expect(answers.map((answer) => answer.lines("x-served"))).toEqual([["1"], ["2"]]);
      expect(answers.map((answer) => answer.lines("x-frame-options"))).toEqual([["DENY"], ["DENY"]]);
    },
  },
  {
    rule: "a replay carries nothing of another caller's request or answer",
    async run({ serve }) {
      const app = await serve(async (call) => json({ mine: await call.body() }, 200, [["X-Mine", await call.body()]]));
      const ask = (caller: string) => app.send({ key: "k", caller, body: `secret of ${caller}` });
      const wire = (answer: ClientAnswer) => `${answer.headers.flat().join("\n")}\n${answer.text}`;
      for (const caller of ["alice", "bob", "bob", "alice", "alice"]) {
        const seen = wire(await ask(caller));
        expect(seen).toContain(`secret of ${caller}`);
        expect(seen).not.toContain(caller === "bob" ? "alice" : "bob");
      }
      expect(app.runs).toBe(2);
    },
  },
  {
    rule: "an answer too large to record is sent whole; the retry is told so, and nothing runs again",
    async run({ serve }) {
      const handler = () => streamed("write", ["x".repeat(600), "y".repeat(600)]);
      const options = { maxRecordBytes: 1000 };
      const [app, other] = [await serve({ options, handler }), await serve({ options, handler })];
      expect((await app.send({ key: "k" })).text).toBe("x".repeat(600) + "y".repeat(600));
      for (const server of [app, other]) {
        const problem = expectProblem(await server.send({ key: "k" }), 409, "answer-not-kept", true);
        expect(problem.originalStatus).toBe(200);
      }
      expect(app.runs + other.runs).toBe(1);
    },
  },
  {
    rule: "an answer the server cuts in mid-stream is cut for the client; the retry is told so, and nothing runs again",
    async run({ serve }) {
      const app = await serve(() =>
        streamed("write", ["half of it", "never sent"], (index) => {
          if (index === 1) throw new Error("the source broke");
        }),
      );
      await expect(app.send({ key: "k" })).rejects.toThrow();
      await until("the tombstone is recorded", () => app.events.some(({ type }) => type === "recorded"));
      const problem = expectProblem(await app.send({ key: "k" }), 409, "answer-not-kept", true);
      expect(problem.originalStatus).toBe(200);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "the first byte leaves while the handler is still at work",
    async run({ serve }) {
      const gate = latch();
      const app = await serve(() => streamed("write", ["early", "late"], (index) => index === 1 && gate.opened));
      const exchange = app.open({ key: "k", body: "" });
      expect(await exchange.until((received) => received.includes("early"))).not.toContain("late");
      gate.open();
      expect((await exchange.answer()).text).toBe("earlylate");
    },
  },
];
