import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PROBLEMS } from "@onceover/core";
import { describe, expect, it } from "vitest";

const errors = readFileSync(join(import.meta.dirname, "../docs/errors.md"), "utf8");

describe("docs/errors.md", () => {
  it("lists each code of the closed list with its status and what was executed, in order, and no other", () => {
    const rows = [...errors.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \| `([^`]+)` \|/gm)].map(([, ...cells]) => cells);
    const codes = Object.entries(PROBLEMS).map(([code, { status, executed }]) => [
      code,
      String(status),
      JSON.stringify(executed),
    ]);
    expect(rows).toEqual(codes);
  });
});
