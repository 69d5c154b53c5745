import { OnceoverError } from "@onceover/core";
import { expect } from "vitest";
import { newService, type RegistryCase } from "./registry-harness.js";
import { MINUTE_MS } from "./store-harness.js";

const VERBS = ["write", "count", "list", "remove", "close"] as const;
/** Far beyond any registry's own deadline, and far below for ever. */
const BOUND_MS = 10_000;

/** The registry as a thing to run: its interface, its end, and what it says when it cannot be reached. */
export const REGISTRY_HOUSE_CASES: readonly RegistryCase[] = [
  {
    rule: "matches the interface: a name, and every verb a function",
    async run({ registry }) {
      expect(registry.name).toMatch(/^[a-z][a-z0-9-]*$/);
      for (const verb of VERBS) expect(registry[verb]).toBeTypeOf("function");
    },
  },
  {
    rule: "close() twice is close() once",
    async run({ registry }) {
      await registry.close();
      await registry.close();
    },
  },
  {
    rule: "a call that cannot reach the texts rejects with store-unavailable in bounded time, whatever the verb",
    needs: "breakDown",
    async run({ registry, breakDown }) {
      const service = newService();
      await registry.write(service, "r1", "text", MINUTE_MS);
      await breakDown();
      const startedMs = performance.now();
      const settled = await Promise.allSettled<unknown>([
        registry.list(service),
        registry.write(service, "r1", "text", MINUTE_MS),
        registry.count(service, "epoch", MINUTE_MS),
        registry.remove(service, "r1"),
      ]);
      expect(performance.now() - startedMs).toBeLessThan(BOUND_MS);
      for (const { status, reason } of settled as readonly Partial<PromiseRejectedResult>[]) {
        expect(status).toBe("rejected");
        expect(reason).toBeInstanceOf(OnceoverError);
        expect(reason).toMatchObject({ code: "store-unavailable" });
      }
    },
  },
];
