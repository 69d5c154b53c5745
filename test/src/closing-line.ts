import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** Ends a test run with the line `N passed, N failed, N skipped`, which other programs can read. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") counts[state] += 1;
      }
      // A file that broke before its tests began has none to count.
      if (!module.ok() && [...module.children.allTests()].length === 0) counts.failed += 1;
    }
    const { ONCEOVER_COUNTS: file } = process.env;
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}
