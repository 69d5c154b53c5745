import type { ServerResponse } from "node:http";
import { expect } from "vitest";
import {
  type AdapterBench,
  type AdapterCase,
  byHand,
  expectReplay,
  json,
  QUIET_MS,
  streamed,
  text,
} from "./adapter-bench.js";
import { requestText, wholeAnswers } from "./adapter-raw.js";
import type { NeutralHandler, Reply } from "./adapter-suite.js";
import { pause, until } from "./adapter-wait.js";

const REQUEST = { key: "k", body: "x" };

const ELEVEN_BYTES = [["Content-Length", "11"]] as const;

/** Makes the pieces of a stream come one by one. */
function pauseOnce(index: number): unknown {
  return index === 1 && pause(QUIET_MS);
}

/** Ways to answer `whole` of eleven bytes, and of no more. */
const WHOLE: Readonly<Record<string, () => Reply>> = {
  "an answer sent at once": () => text("whole whole"),
  "an answer in chunks": () => streamed("write", ["whole ", "whole"]),
  "a stream": () => streamed("pipe", ["whole ", "whole"]),
  "a stream of declared length": () => streamed("write", ["whole ", "whole"], undefined, ELEVEN_BYTES),
  "a stream of declared length, its halves apart": () =>
    streamed("write", ["whole ", "whole"], pauseOnce, ELEVEN_BYTES),
  "a piped stream of declared length, its halves apart": () =>
    streamed("pipe", ["whole ", "whole"], pauseOnce, ELEVEN_BYTES),
};

const BY_HAND: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  "end(chunk)": (response) => response.end("whole whole"),
  "end(chunk, encoding, callback)": (response) => response.end("d2hvbGUgd2hvbGU=", "base64", () => {}),
  "write(chunk), end()": (response) => {
    response.write("whole whole");
    response.end();
  },
  "a last write that completes the declared length, end() in its callback": (response) => {
    response.setHeader("Content-Length", 11);
    response.write("whole ");
    response.write("whole", () => response.end());
  },
  "writeHead() with a length, write(chunk, encoding), end()": (response) => {
    response.writeHead(200, { "Content-Length": 11 });
    response.write(Buffer.from("whole whole").toString("hex"), "hex");
    response.end();
  },
  "flushHeaders(), then end(chunk)": (response) => {
    response.flushHeaders();
    response.end("whole whole");
  },
};

/** Watches the wire while the record is kept from the store. */
async function heldBack({ store, serve }: AdapterBench, handler: NeutralHandler): Promise<void> {
  const app = await serve(handler);
  const hold = store.hold("complete");
  const exchange = app.open(REQUEST);
  await hold.reached;
  await pause(QUIET_MS);
  expect([exchange.isWhole, exchange.isClosed]).toEqual([false, false]);
  hold.release();
  const answer = await exchange.answer();
  expect(answer.text).toBe("whole whole");
  expectReplay(await app.send(REQUEST), answer);
}

/** The last byte leaves when the record is stored, and not before. */
export const HOLD_CASES: readonly AdapterCase[] = [
  ...Object.entries(WHOLE).map(
    ([what, reply]): AdapterCase => ({
      rule: `${what}: its last byte waits for the record`,
      run: (bench) => heldBack(bench, reply),
    }),
  ),
  ...Object.entries(BY_HAND).map(
    ([what, answer]): AdapterCase => ({
      rule: `${what}: its last byte waits for the record`,
      needs: "nodeResponse",
      run: (bench) => heldBack(bench, () => byHand(answer)),
    }),
  ),
  {
    rule: "an empty answer waits for its record like any other",
    async run({ store, serve }) {
      const app = await serve(() => ({ how: "empty", status: 204, headers: [] }));
      const hold = store.hold("complete");
      const exchange = app.open(REQUEST);
      await hold.reached;
      await pause(QUIET_MS);
      expect(exchange.isAnswered).toBe(false);
      hold.release();
      expect((await exchange.answer()).status).toBe(204);
    },
  },
  {
    rule: "a client that hangs up while the record is being stored loses nothing: the retry replays",
    async run({ store, serve }) {
      const app = await serve(() => json({ paid: true }));
      const hold = store.hold("complete");
      const exchange = app.open(REQUEST);
      await hold.reached;
      exchange.hangUp();
      await pause(QUIET_MS);
      hold.release();
      const again = await app.send(REQUEST);
      expect([again.text, again.header("idempotency-replayed")]).toEqual(['{"paid":true}', "true"]);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "what a handler does to its response after it answered changes neither answer nor record",
    needs: "nodeResponse",
    async run(bench) {
      const app = await bench.serve(() =>
        byHand((response) => {
          response.setHeader("X-Ledger", "l-1");
          response.end("whole whole");
          response.statusCode = 500;
          response.write(" and more", () => {});
          response.end(" and more");
          quietly(() => response.setHeader("X-Ledger", "l-2"));
          quietly(() => response.removeHeader("X-Ledger"));
          quietly(() => response.writeHead(500));
        }),
      );
      const first = await app.send({ key: "k" });
      expect([first.status, first.text, first.lines("x-ledger")]).toEqual([200, "whole whole", ["l-1"]]);
      expectReplay(await app.send({ key: "k" }), first);
    },
  },
  {
    rule: "what a handler throws after it answered does not touch the record",
    async run({ serve }) {
      const app = await serve({
        handler: () =>
          byHand((response) => {
            response.end("whole whole");
            throw new Error("too late");
          }),
      });
      // Whether the connection survives is for the framework to say.
      await app.send({ key: "k" }).catch(() => {});
      const again = await app.send({ key: "k" });
      expect([again.status, again.text, again.header("idempotency-replayed")]).toEqual([200, "whole whole", "true"]);
      expect(app.runs).toBe(1);
    },
    needs: "nodeResponse",
  },
  {
    rule: "a write after the end is refused to its callback, and nothing is thrown",
    needs: "nodeResponse",
    async run({ serve }) {
      const told: unknown[] = [];
      const answer = (response: ServerResponse) => {
        response.end("whole whole", () => told.push("ended"));
        told.push(response.writableEnded, response.headersSent);
        response.write("more", (error) => told.push(Reflect.get(Object(error), "code")));
      };
      const app = await serve(() => byHand(answer));
      expect((await app.send({ key: "k" })).text).toBe("whole whole");
      await until("every callback was called", () => told.length === 4);
      expect(told).toEqual([true, true, "ERR_STREAM_WRITE_AFTER_END", "ended"]);
    },
  },
  {
    rule: "writeHead() takes an object, a flat list and a list of pairs, with a status message or without",
    needs: "nodeResponse",
    async run({ serve }) {
      const heads: ((response: ServerResponse) => unknown)[] = [
        (response) => response.writeHead(202, "Noted", { "X-Ledger": ["l-1", "l-2"], "X-Other": "o" }),
        (response) => response.writeHead(202, ["X-Ledger", "l-1", "X-Ledger", "l-2", "X-Other", "o"]),
        (response) => response.writeHead(202, [["X-Ledger", ["l-1", "l-2"]] as never, ["X-Other", "o"] as never]),
        (response) => {
          response.setHeader("X-Ledger", ["l-1", "l-2"]);
          response.writeHead(202, { "x-other": "o" });
        },
      ];
      const app = await serve(
        heads.map((head, index) => ({
          path: `/${index}`,
          handler: () =>
            byHand((response) => {
              head(response);
              response.end("done");
            }),
        })),
      );
      for (const index of heads.keys()) {
        const request = { key: "k", caller: `c${index}`, path: `/${index}` };
        const [first, again] = [await app.send(request), await app.send(request)];
        expectReplay(again, first);
        for (const answer of [first, again]) {
          expect([answer.status, answer.lines("x-ledger"), answer.lines("x-other")]).toEqual([
            202,
            ["l-1", "l-2"],
            ["o"],
          ]);
        }
      }
    },
  },
  {
    rule: "a buffer that the handler fills anew after each write is recorded as it was sent",
    needs: "nodeResponse",
    async run({ serve }) {
      const answer = async (response: ServerResponse) => {
        const buffer = Buffer.alloc(4);
        for (const letter of "abc") {
          await new Promise<void>((resolve) => void response.write(buffer.fill(letter), () => resolve()));
        }
        response.end();
      };
      const app = await serve(() => byHand(answer));
      const first = await app.send({ key: "k" });
      expect(first.text).toBe("aaaabbbbcccc");
      expectReplay(await app.send({ key: "k" }), first);
    },
  },
  {
    rule: "the status message, and header names in the handler's spelling, reach the client",
    needs: "nodeResponse",
    only: "http/1.1",
    async run({ serve }) {
      const answer = (response: ServerResponse) => {
        response.statusMessage = "Noted";
        response.setHeader("x-LEDGER", "l-1").end("done");
      };
      const app = await serve(() => byHand(answer));
      const raw = app.raw();
      raw.write(requestText(REQUEST));
      const received = await raw.until((text) => wholeAnswers(text).length > 0);
      expect(received).toMatch(/^HTTP\/1.1 200 Noted\r\n/);
      expect(received).toContain("\r\nx-LEDGER: l-1\r\n");
    },
  },
];

/** Whether it throws is the response's affair. */
function quietly(act: () => unknown): void {
  try {
    act();
  } catch {
    // As Node's own response does once its head was sent.
  }
}
