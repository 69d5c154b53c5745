import { OnceoverError } from "@onceover/core";
import { expect } from "vitest";
import {
  type AdapterCase,
  type App,
  expectProblem,
  expectReplay,
  json,
  numbered,
  numberedRoute,
  QUIET_MS,
} from "./adapter-bench.js";
import type { NeutralHandler } from "./adapter-suite.js";
import { latch, pause, until } from "./adapter-wait.js";

async function expectDown(app: App): Promise<void> {
  const refused = await app.send({ key: "k", json: 1 });
  expectProblem(refused, 503, "store-unavailable");
  expect(refused.header("retry-after")).toMatch(/^[1-9]\d*$/);
}

/** What a store that is down, full or unfit leads to. */
export const OUTAGE_CASES: readonly AdapterCase[] = [
  {
    rule: "store down before the run: 503 with Retry-After, nothing runs; requests without a key pass; back up, it runs",
    async run({ store, serve }) {
      const app = await serve(numbered());
      await app.send({ key: "warm", json: 1 });
      store.down();
      await expectDown(app);
      expect(app.runs).toBe(1);
      expect((await app.send({ json: 1 })).text).toBe('{"run":2}');
      store.up();
      const first = await app.send({ key: "k", json: 1 });
      expect(first.text).toBe('{"run":3}');
      expectReplay(await app.send({ key: "k", json: 1 }), first);
    },
  },
  {
    rule: "store down when the process starts: 503, and nobody has to start it again",
    async run({ store, serve }) {
      store.down();
      const app = await serve(numbered());
      await expectDown(app);
      await expectDown(app);
      store.up();
      expect((await app.send({ key: "k", json: 1 })).text).toBe('{"run":1}');
    },
  },
  {
    rule: "onStoreDown run: the handler runs without a record, each time, and says so",
    async run({ store, serve }) {
      const app = await serve(numberedRoute({ onStoreDown: "run" }));
      await app.send({ key: "warm", json: 1 });
      store.down();
      const first = await app.send({ key: "k", json: 1 });
      expect([first.status, first.text, first.header("idempotency-replayed")]).toEqual([201, '{"run":2}', undefined]);
      expect(app.events.filter(({ type }) => type === "ran-unrecorded")).toHaveLength(1);
    },
  },
  {
    rule: "a lost reply to acquire: 503, nothing runs, and the key is given back",
    async run({ store, serve }) {
      const app = await serve(numbered());
      store.loseReplies("acquire");
      await expectDown(app);
      expect(app.runs).toBe(0);
      store.up();
      await until("the key was given back", () => store.calls("abandon") > 0);
      await pause(QUIET_MS);
      expect((await app.send({ key: "k", json: 1 })).text).toBe('{"run":1}');
    },
  },
  {
    rule: "store down at the end of the run: the true answer goes out, retries get it, and it is recorded when the store is back",
    async run({ store, serve }) {
      const [begun, gate] = [latch(), latch()];
      const handler: NeutralHandler = async () => {
        begun.open();
        await gate.opened;
        return json({ paid: true });
      };
      const [app, other] = [await serve(handler), await serve(handler)];
      const answered = app.send({ key: "k", json: 1 });
      await begun.opened;
      store.down();
      gate.open();
      const first = await answered;
      expect([first.status, first.text, first.header("idempotency-replayed")]).toEqual([
        201,
        '{"paid":true}',
        undefined,
      ]);
      expectReplay(await app.send({ key: "k", json: 1 }), first);
      expectProblem(await app.send({ key: "k", json: 2 }), 422, "key-reused");
      store.up();
      await until("it is recorded", () => app.events.some(({ type }) => type === "recorded"));
      for (const server of [app, other]) expectReplay(await server.send({ key: "k", json: 1 }), first);
      expect(app.runs + other.runs).toBe(1);
    },
  },
  {
    rule: "a lost reply to complete: the true answer goes out, and the record is one",
    async run({ store, serve }) {
      const [app, other] = [await serve(numbered()), await serve(numbered())];
      store.loseReplies("complete");
      const first = await app.send({ key: "k", json: 1 });
      expect(first.text).toBe('{"run":1}');
      store.up();
      await until("it is recorded", () => app.events.some(({ type }) => type === "recorded"));
      for (const server of [app, other]) expectReplay(await server.send({ key: "k", json: 1 }), first);
      expect(app.runs + other.runs).toBe(1);
    },
  },
  {
    rule: "store down after the run: a process that has replayed it replays, another one answers 503, and neither runs",
    async run({ store, serve }) {
      const [app, other] = [await serve(numbered()), await serve(numbered())];
      const first = await app.send({ key: "k", json: 1 });
      expectReplay(await app.send({ key: "k", json: 1 }), first);
      store.down();
      expectReplay(await app.send({ key: "k", json: 1 }), first);
      await expectDown(other);
      store.up();
      expectReplay(await other.send({ key: "k", json: 1 }), first);
      expect(app.runs + other.runs).toBe(1);
    },
  },
  {
    rule: "a full store is 503 store-full, an unreadable record 503 record-unreadable, and nothing runs",
    async run({ store, serve }) {
      const full = () => Promise.reject(new OnceoverError("store-full", "no room"));
      const newer = async () => ({ outcome: "done", record: Uint8Array.of(255, 1, 2) }) as const;
      const [fullApp, newerApp] = [
        await serve(numbered(), { store: { ...store, acquire: full } }),
        await serve(numbered(), { store: { ...store, acquire: newer } }),
      ];
      expectProblem(await fullApp.send({ key: "k", json: 1 }), 503, "store-full");
      expectProblem(await newerApp.send({ key: "k", json: 1 }), 503, "record-unreadable");
      expect([fullApp.runs, newerApp.runs]).toEqual([0, 0]);
    },
  },
  {
    rule: "a store that breaks its promise is 503 store-unfit, also where the route would run without it",
    async run({ store, serve }) {
      const findings = [{ setting: "maxmemory-policy", problem: "it evicts", mend: "noeviction" }];
      const verify = async () => ({ tier: "T1", findings }) as const;
      const app = await serve(numberedRoute({ onStoreDown: "run" }), { store: { ...store, verify } });
      expectProblem(await app.send({ key: "k", json: 1 }), 503, "store-unfit");
      expect([app.runs, store.calls()]).toEqual([0, 0]);
      const warned = await serve(numbered(), { store: { ...store, verify }, onUnfitStore: "warn" });
      expect((await warned.send({ key: "k", json: 1 })).status).toBe(201);
    },
  },
];
