import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import base from "../../vitest.config.js";

/**
 * The suites that run in Node, Bun and Deno: over memory, because other stores are for Node. The explorer is not among
 * them: clock, timers, network and stores are all its own, and it says nothing about a runtime.
 */
export default defineConfig({
  ...base,
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    ...base.test,
    include: [
      "test/runtimes/*.check.ts",
      "packages/core/test/*.test.ts",
      "packages/core/test/{drain,pins,revisions}/*.test.ts",
      "packages/adapters/fetch/test/*.test.ts",
      "packages/adapters/hono/test/*.test.ts",
    ],
    // Those of the adapters' own run over every store; `adapters.check.ts` runs the same cases over memory. Servers leave in Node.
    exclude: [
      "test/runtimes/no-node.check.ts",
      "packages/adapters/*/test/conformance.test.ts",
      "packages/adapters/hono/test/drain.test.ts",
    ],
  },
});
