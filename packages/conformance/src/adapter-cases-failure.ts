import type { MountOptions } from "@onceover/core";
import { expect } from "vitest";
import { type AdapterCase, expectProblem, expectReplay, json, streamed, text } from "./adapter-bench.js";
import type { NeutralHandler } from "./adapter-suite.js";
import { until } from "./adapter-wait.js";

type Effects = NonNullable<MountOptions["effects"]>;

const FAILURES: Readonly<Record<string, NeutralHandler>> = {
  "a handler that throws": () => {
    throw new Error("no such account");
  },
  "a handler that rejects late": async () => {
    await Promise.resolve();
    throw new Error("no such account");
  },
  "a 503 of the handler's own": () => json({ error: "bank closed" }, 503),
  "a streamed 500": () => streamed("write", ["half ", "and half"], undefined, []),
};

/** Fails at its first run, and answers 201 from then on. */
function failingOnce(fail: NeutralHandler, effects: Effects) {
  let runs = 0;
  const handler: NeutralHandler = async (call) => {
    runs += 1;
    if (runs > 1) return json({ run: runs, attempt: call.once?.attempt });
    const reply = await fail(call);
    return reply.how === "write" ? { ...reply, status: 500 } : reply;
  };
  return { options: { effects }, handler };
}

/** What becomes of a key whose handler fails. */
export const FAILURE_CASES: readonly AdapterCase[] = [
  ...Object.entries(FAILURES).flatMap(([failure, fail]): AdapterCase[] => [
    {
      rule: `effects once: ${failure} is recorded, and its 5xx is replayed`,
      async run({ serve }) {
        const app = await serve(failingOnce(fail, "once"));
        const first = await app.send({ key: "k", json: 1 });
        expect(first.status).toBeGreaterThanOrEqual(500);
        expectReplay(await app.send({ key: "k", json: 1 }), first);
        expect(app.runs).toBe(1);
      },
    },
    {
      rule: `effects repeatable: ${failure} frees the key, and the retry runs`,
      async run({ serve }) {
        const app = await serve(failingOnce(fail, "repeatable"));
        expect((await app.send({ key: "k", json: 1 })).status).toBeGreaterThanOrEqual(500);
        const second = await app.send({ key: "k", json: 1 });
        expect(second.text).toBe('{"run":2,"attempt":2}');
        expectReplay(await app.send({ key: "k", json: 1 }), second);
        expect(app.runs).toBe(2);
      },
    },
  ]),
  {
    rule: "a handler that throws for a request without a key fails as it would without the adapter",
    async run({ store, serve }) {
      const app = await serve(async ({ once }) => {
        if (once === undefined) return text("no key", 500);
        throw new Error("no such account");
      });
      expect((await app.send({})).text).toBe("no key");
      expect(store.calls()).toBe(0);
    },
  },
  {
    rule: "abandon() frees the key: the answer goes out, and the retry runs as a later attempt with a higher fence",
    async run({ serve }) {
      const fences: number[] = [];
      const app = await serve(async ({ once }) => {
        fences.push(once?.fence ?? 0);
        if (once?.attempt === 1) await once.abandon();
        return json({ attempt: once?.attempt });
      });
      expect((await app.send({ key: "k" })).text).toBe('{"attempt":1}');
      const second = await app.send({ key: "k" });
      expect(second.text).toBe('{"attempt":2}');
      expect(second.header("idempotency-replayed")).toBeUndefined();
      expectReplay(await app.send({ key: "k" }), second);
      expect(fences[1]).toBeGreaterThan(fences[0] ?? Number.NaN);
    },
  },
  {
    rule: "effects once: an answer cut before its head was sent leaves the outcome unknown, and nothing runs again",
    needs: "nodeResponse",
    async run({ serve }) {
      const route = { options: { leaseMs: 100 }, handler: () => ({ how: "node", answer: destroy }) as const };
      const app = await serve(route);
      await expect(app.send({ key: "k" })).rejects.toThrow();
      await until("the loss is noticed", () => app.events.some(({ type }) => type === "answer-lost"));
      expectProblem(await app.send({ key: "k" }), 409, "outcome-unknown", "unknown");
      expect(app.runs).toBe(1);
    },
  },
  {
    rule: "effects repeatable: an answer cut before its head was sent frees the key",
    needs: "nodeResponse",
    async run({ serve }) {
      let runs = 0;
      const handler: NeutralHandler = () => (++runs === 1 ? { how: "node", answer: destroy } : json({ runs }));
      const app = await serve({ options: { effects: "repeatable" }, handler });
      await expect(app.send({ key: "k" })).rejects.toThrow();
      await until("the key is free", () => app.events.some(({ type }) => type === "abandoned"));
      expect((await app.send({ key: "k" })).text).toBe('{"runs":2}');
    },
  },
];

function destroy(response: { destroy(): unknown }): void {
  response.destroy();
}
