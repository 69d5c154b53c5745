import { gzipSync } from "node:zlib";
import { expect } from "vitest";
import {
  type AdapterCase,
  type App,
  expectProblem,
  expectReplay,
  json,
  numbered,
  numberedRoute,
  text,
} from "./adapter-bench.js";
import type { ClientRequest } from "./adapter-request.js";
import type { HandlerCall, Reply } from "./adapter-suite.js";
import { latch, pause } from "./adapter-wait.js";

/** Answers what it was sent: the handler must find its whole body, whoever looked at it before. */
async function echo(call: HandlerCall): Promise<Reply> {
  return text(await call.body());
}

const FORM = [["Content-Type", "application/x-www-form-urlencoded"]] as const;

function multipart(boundary: string, file: string): ClientRequest {
  const part = (head: string, content: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`;
  const body = `${part('name="to"', "bob")}${part('name="f"; filename="a.txt"', file)}--${boundary}--\r\n`;
  return { key: "k", headers: [["Content-Type", `multipart/form-data; boundary=${boundary}`]], body };
}

function gzipped(body: string, level: number): ClientRequest {
  const headers = [["Content-Type", "application/json"] as const, ["Content-Encoding", "gzip"] as const];
  return { key: "k", headers, body: gzipSync(body, { level }) };
}

async function expectReused(app: App, request: ClientRequest): Promise<void> {
  expectProblem(await app.send({ key: "k", ...request }), 422, "key-reused");
}

/** What makes two requests with one key the same request. */
export const PAYLOAD_CASES: readonly AdapterCase[] = [
  {
    rule: "another payload under a used key is refused with 422, and the record stays as it was",
    async run({ serve }) {
      const app = await serve(numbered());
      const first = await app.send({ key: "k", json: { amount: 1 } });
      await expectReused(app, { json: { amount: 2 } });
      await expectReused(app, { json: { amount: "1" } });
      await expectReused(app, {});
      await expectReused(app, { method: "PATCH", json: { amount: 1 } });
      await expectReused(app, { body: '{"amount":1}', headers: [["Content-Type", "text/plain"]] });
      expectReplay(await app.send({ key: "k", json: { amount: 1 } }), first);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "another payload is refused with 422 while the first one runs, also by another process",
    async run({ serve }) {
      const [begun, gate] = [latch(), latch()];
      const handler = async () => {
        begun.open();
        await gate.opened;
        return json({ paid: true });
      };
      const [app, other] = [await serve(handler), await serve(handler)];
      const first = app.send({ key: "k", json: 1 });
      await begun.opened;
      await expectReused(app, { json: 2 });
      await expectReused(other, { json: 2 });
      gate.open();
      expectReplay(await other.send({ key: "k", json: 1 }), await first);
      expect(app.runs + other.runs).toBe(1);
    },
  },
  {
    rule: "a changed query is another request",
    async run({ serve }) {
      const app = await serve(numbered());
      await app.send({ key: "k", path: "/pay?to=bob", json: 1 });
      await expectReused(app, { path: "/pay?to=eve", json: 1 });
      await expectReused(app, { path: "/pay", json: 1 });
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "the same key on two routers is two requests: the full path counts, not the one inside the router",
    async run({ serve }) {
      const app = await serve([
        { router: "/a", handler: numbered() },
        { router: "/b", handler: numbered() },
      ]);
      const first = await app.send({ key: "k", path: "/a/pay", json: 1 });
      await expectReused(app, { path: "/b/pay", json: 1 });
      expectReplay(await app.send({ key: "k", path: "/a/pay", json: 1 }), first);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "JSON with its members in another order, or other white space, is the same request",
    async run({ serve }) {
      const app = await serve(numbered());
      const first = await app.send({ key: "k", json: { a: 1, b: [1, { c: null, d: "é" }] } });
      const body = '{ "b": [1.0, {"d":"\\u00e9","c":null}], "a": 1 }';
      expectReplay(await app.send({ key: "k", body, headers: [["Content-Type", "application/json"]] }), first);
    },
  },
  ...(["before", "after"] as const).map(
    (bodyParser): AdapterCase => ({
      rule: `a body parser ${bodyParser} the adapter changes nothing: the handler has its body, JSON and forms are compared`,
      needs: "bodyParser",
      async run({ serve }) {
        const app = await serve({ bodyParser, handler: echo });
        const first = await app.send({ key: "k", json: { a: 1, b: "é" } });
        expect(first.text).toBe('{"a":1,"b":"é"}');
        expectReplay(await app.send({ key: "k", json: { b: "é", a: 1 } }), first);
        await expectReused(app, { json: { a: 2, b: "é" } });
        const form = await app.send({ key: "f", headers: FORM, body: "a=1&b=x+y" });
        expect(JSON.parse(form.text)).toEqual({ a: "1", b: "x y" });
        expectReplay(await app.send({ key: "f", headers: FORM, body: "b=x%20y&a=1" }), form);
        expect(app.runs).toBe(2);
      },
    }),
  ),
  {
    rule: "a request has one fingerprint, whether a parser ran before the adapter, behind it or nowhere",
    needs: "bodyParser",
    async run({ serve }) {
      const apps = [
        await serve({ bodyParser: "before", handler: echo }),
        await serve({ bodyParser: "after", handler: echo }),
        await serve(echo),
      ];
      for (const [key, body, headers] of [
        ["json", '{"b":[1,2.50],"a":{"x":"\\u00e9"}}', [["Content-Type", "application/json"]]],
        ["form", "b[]=1&a=x%20y&b[]=2", FORM],
      ] as const) {
        const statuses: number[] = [];
        for (const app of apps) statuses.push((await app.send({ key, body, headers })).status);
        expect(statuses).toEqual([200, 200, 200]);
      }
      expect(apps.map((app) => app.runs)).toEqual([2, 0, 0]);
    },
  },
  {
    rule: "without a parser the handler reads its whole body, however it was cut into packets",
    async run({ serve }) {
      const app = await serve(echo);
      const body = "0123456789".repeat(20_000);
      const first = await app.send({ key: "k", body });
      expect(first.text).toBe(body);
      const exchange = app.open({ key: "k", declared: body.length }, "head");
      for (let at = 0; at < body.length; at += 50_000) {
        exchange.write(body.slice(at, at + 50_000));
        await pause(1);
      }
      exchange.end();
      expectReplay(await exchange.answer(), first);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "a body whose length is not declared is compared like any other, and an absent one like an empty one",
    async run({ serve }) {
      const app = await serve(echo);
      const first = await app.send({ key: "k", body: "one body" });
      expect(first.text).toBe("one body");
      const exchange = app.open({ key: "k", declared: "none" }, "head");
      for (const piece of ["one ", "body"]) {
        exchange.write(piece);
        await pause(5);
      }
      exchange.end();
      expectReplay(await exchange.answer(), first);
      await expectReused(app, { body: "another body", declared: "none" });
      const empty = await app.send({ key: "e", body: "" });
      expectReplay(await app.send({ key: "e" }), empty);
      expectReplay(await app.send({ key: "e", body: "", declared: "none" }), empty);
    },
  },
  {
    rule: "a form is the same request with its fields in another order, and another one with a field changed",
    async run({ serve }) {
      const app = await serve(echo);
      const first = await app.send({ key: "k", headers: FORM, body: "to=bob&amount=1" });
      expect(first.text).toBe("to=bob&amount=1");
      expectReplay(await app.send({ key: "k", headers: FORM, body: "amount=1&to=bob" }), first);
      await expectReused(app, { headers: FORM, body: "to=bob&amount=2" });
    },
  },
  {
    rule: "a multipart body is the same request under a new boundary, and another one with a part changed",
    async run({ serve }) {
      const app = await serve(echo);
      const first = await app.send(multipart("b-1", "content"));
      expect(first.text).toBe(multipart("b-1", "content").body);
      expectReplay(await app.send(multipart("b-2", "content")), first);
      await expectReused(app, multipart("b-2", "other content"));
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "a gzip body is compared by what is in it, and reaches the handler as it came",
    async run({ serve }) {
      const app = await serve(async (call) => text(String((await call.body()).length)));
      const body = JSON.stringify({ to: "bob", note: "n".repeat(200) });
      const first = await app.send(gzipped(body, 9));
      expect(Number(first.text)).toBeLessThan(body.length);
      expectReplay(await app.send(gzipped(body, 0)), first);
      await expectReused(app, gzipped('{"to":"eve"}', 9));
      expectProblem(await app.send({ ...gzipped(body, 9), body: "no gzip" }), 400, "body-broken");
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "a body larger than maxBodyBytes is refused with 413, declared, undeclared or unpacked, and nothing runs",
    async run({ store, serve }) {
      const app = await serve(numberedRoute({ maxBodyBytes: 1000 }));
      expectProblem(await app.send({ key: "k", body: "x".repeat(1001) }), 413, "body-too-large");
      expectProblem(await app.send({ key: "k", declared: "none", body: "x".repeat(1001) }), 413, "body-too-large");
      expectProblem(await app.send(gzipped("x".repeat(100_000), 9)), 413, "body-too-large");
      expect([app.runs, store.calls()]).toEqual([0, 0]);
      expect((await app.send({ key: "k", body: "x".repeat(1000) })).status).toBe(201);
    },
  },
  {
    rule: "fingerprint: fields compares these members alone, and off compares nothing",
    async run({ serve }) {
      const app = await serve([
        { path: "/fields", options: { fingerprint: { fields: ["to"] } }, handler: numbered() },
        { path: "/off", options: { fingerprint: "off" }, handler: echo },
      ]);
      const first = await app.send({ key: "k", path: "/fields", json: { to: "bob", at: 1 } });
      expectReplay(await app.send({ key: "k", path: "/fields", json: { to: "bob", at: 2 } }), first);
      await expectReused(app, { path: "/fields", json: { to: "eve", at: 1 } });
      const other = await app.send({ key: "o", path: "/off", json: 1 });
      expect(other.text).toBe("1");
      expectReplay(await app.send({ key: "o", path: "/off", json: 2 }), other);
    },
  },
];
