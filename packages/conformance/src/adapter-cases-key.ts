import { expect } from "vitest";
import { type AdapterCase, expectProblem, expectReplay, json, numbered, numberedRoute, text } from "./adapter-bench.js";

const REFUSED_KEYS = {
  empty: "",
  "an empty string": '""',
  "256 characters": "k".repeat(256),
  "256 characters in quotes": `"${"k".repeat(256)}"`,
  "an unquoted comma": "k1,k2",
  "two quoted keys": '"k1", "k2"',
  "a quote that is not closed": '"k',
  "an unquoted space": "k 1",
  "16 kilobytes less what other headers take": "k".repeat(12_000),
} as const;

/** Which requests have a key, which key it is, and whose. */
export const KEY_CASES: readonly AdapterCase[] = [
  {
    rule: "without a key the handler runs each time, and no store call is made",
    async run({ store, serve }) {
      const app = await serve((call) => json({ once: call.once === undefined ? "absent" : "there" }));
      const answers = [await app.send({ json: 1 }), await app.send({ json: 1 })];
      expect(answers.map((answer) => answer.text)).toEqual(['{"once":"absent"}', '{"once":"absent"}']);
      expect(answers.flatMap((answer) => answer.lines("idempotency-replayed"))).toEqual([]);
      expect([app.runs, store.calls()]).toEqual([2, 0]);
    },
  },
  {
    rule: 'a key runs the handler once; "k", k and "k";v=1 are one key',
    async run({ serve }) {
      const app = await serve(numbered());
      const first = await app.send({ key: '"k-1"', json: 1 });
      expect([first.status, first.text]).toEqual([201, '{"run":1}']);
      expect(first.lines("idempotency-replayed")).toEqual([]);
      for (const key of ['"k-1"', "k-1", '"k-1";v=1', "k-1;v=1"]) expectReplay(await app.send({ key, json: 1 }), first);
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "another key is another effect, and 255 characters are a key",
    async run({ serve }) {
      const app = await serve(numbered());
      const long = "k".repeat(255);
      const answers = [await app.send({ key: "k" }), await app.send({ key: long }), await app.send({ key: long })];
      expect(answers.map((answer) => answer.text)).toEqual(['{"run":1}', '{"run":2}', '{"run":2}']);
    },
  },
  {
    rule: "a key that is empty, too long or no key is refused with 400 before any store call",
    async run({ store, serve }) {
      const app = await serve(numbered());
      for (const [what, key] of Object.entries(REFUSED_KEYS)) {
        const problem = expectProblem(await app.send({ key, json: 1 }), 400, "key-invalid");
        expect(problem.detail, what).toMatch(/^The Idempotency-Key is refused: /);
      }
      expect([app.runs, store.calls()]).toEqual([0, 0]);
    },
  },
  {
    rule: "two header lines are refused with 400, though HTTP would let them be joined",
    async run({ store, serve }) {
      const app = await serve(numbered());
      expectProblem(await app.send({ key: "k", headers: [["idempotency-key", "k"]], body: "x" }), 400, "key-invalid");
      expect([app.runs, store.calls()]).toEqual([0, 0]);
    },
  },
  {
    rule: "required: a request without a key is refused with 400, and other methods are not asked for one",
    async run({ serve }) {
      const app = await serve(numberedRoute({ required: true }));
      expectProblem(await app.send({ json: 1 }), 400, "key-missing");
      expect(app.runs).toBe(0);
      expect((await app.send({ method: "GET" })).status).toBe(201);
      expect((await app.send({ key: "k", json: 1 })).status).toBe(201);
    },
  },
  {
    rule: "the key of a GET, PUT or DELETE is ignored, the one of a PATCH is not",
    async run({ store, serve }) {
      const app = await serve(numbered());
      for (const method of ["GET", "PUT", "DELETE"]) {
        await app.send({ method, key: "k" });
        expect((await app.send({ method, key: "k" })).header("idempotency-replayed")).toBeUndefined();
      }
      expect([app.runs, store.calls()]).toEqual([6, 0]);
      const first = await app.send({ method: "PATCH", key: "k" });
      expectReplay(await app.send({ method: "PATCH", key: "k" }), first);
      expect(app.runs).toBe(7);
    },
  },
  {
    rule: "methods: names whose keys count, and no others",
    async run({ serve }) {
      const app = await serve(numberedRoute({ methods: ["PUT"] }));
      const first = await app.send({ method: "PUT", key: "k" });
      expectReplay(await app.send({ method: "PUT", key: "k" }), first);
      expect((await app.send({ key: "k" })).text).toBe('{"run":2}');
      expect((await app.send({ key: "k" })).text).toBe('{"run":3}');
    },
  },
  {
    rule: "keyHeader: the key is read from that header, in whatever case, and from no other",
    async run({ serve }) {
      const app = await serve(numberedRoute({ keyHeader: "X-Delivery-Id" }));
      const ask = (name: string) => app.send({ headers: [[name, "d-1"]], json: 1 });
      const first = await ask("X-Delivery-Id");
      expectReplay(await ask("x-delivery-id"), first);
      expect((await app.send({ key: "d-1", json: 1 })).text).toBe('{"run":2}');
    },
  },
  {
    rule: "a HEAD is left alone, key or not",
    async run({ store, serve }) {
      const app = await serve(() => text("twelve bytes"));
      for (const key of ["k", "k"]) {
        const answer = await app.send({ method: "HEAD", key });
        expect([answer.status, answer.text]).toEqual([200, ""]);
      }
      expect([app.runs, store.calls()]).toEqual([2, 0]);
    },
  },
  {
    rule: "a scope that yields nothing is refused with 403 before any store call",
    async run({ store, serve }) {
      const app = await serve(numbered());
      expectProblem(await app.send({ key: "k", caller: null, json: 1 }), 403, "scope-missing");
      expectProblem(await app.send({ key: "k", caller: "", json: 1 }), 403, "scope-missing");
      expect([app.runs, store.calls()]).toEqual([0, 0]);
    },
  },
  {
    rule: "two callers with one key are two runs, and each is only ever given its own answer",
    async run({ serve }) {
      let runs = 0;
      const app = await serve(async (call) => json({ run: ++runs, to: await call.body() }));
      const ask = (caller: string) => app.send({ key: "k", caller, body: "same" });
      const [alice, bob] = [await ask("alice"), await ask("bob")];
      expect([alice.text, bob.text]).toEqual(['{"run":1,"to":"same"}', '{"run":2,"to":"same"}']);
      for (const [caller, own] of [["alice", alice] as const, ["bob", bob] as const]) {
        expectReplay(await ask(caller), own);
      }
      expect(app.runs).toBe(2);
    },
  },
  {
    rule: "a scope of the mount's own stands in place of the instance's",
    async run({ serve }) {
      const app = await serve(numberedRoute({ scope: () => ["tenant", "one"] }));
      const first = await app.send({ key: "k", caller: "alice" });
      expectReplay(await app.send({ key: "k", caller: "bob" }), first);
      expectReplay(await app.send({ key: "k", caller: null }), first);
    },
  },
  {
    rule: "a scope function that throws ends the request with an error, claims no key and runs nothing",
    async run({ store, serve }) {
      const scope = () => {
        throw new Error("no session store");
      };
      const app = await serve(numberedRoute({ scope }));
      expect((await app.send({ key: "k" })).status).toBe(500);
      expect([app.runs, store.calls()]).toEqual([0, 0]);
    },
  },
  {
    rule: "the handler is told its key, attempt, fence and revision, and is given keys for its own calls",
    async run({ serve }) {
      const app = await serve(({ once }) => {
        const { key, attempt, fence, revision, signal } = once ?? {};
        return json({ key, attempt, fence, revision, lost: signal?.aborted, charge: once?.effectKey("charge") });
      });
      const tell = async (key: string, caller: string) => JSON.parse((await app.send({ key, caller })).text);
      const told = await tell('"k \\"1\\""', "alice");
      expect(told).toMatchObject({ key: 'k "1"', attempt: 1, revision: "r1", lost: false });
      expect(told.fence).toBeGreaterThan(0);
      expect(told.charge).toMatch(/^[\w-]{27}\.charge$/);
      expect((await tell('"k \\"1\\""', "bob")).charge).not.toBe(told.charge);
    },
  },
];
