import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["onceover-src", "module", "node"] },
  ssr: { resolve: { conditions: ["onceover-src", "module", "node"] } },
  test: {
    include: ["packages/**/test/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts", "bench/**/*.test.ts"],
    // What needs a browser has a command of its own.
    exclude: ["**/node_modules/**", "**/dist/**", "test/browser/**"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: ["default", "./test/src/closing-line.ts"],
  },
});
