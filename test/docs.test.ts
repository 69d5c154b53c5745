import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROBLEMS } from "@onceover/core";
import { describe, expect, it } from "vitest";

const root = dirname(import.meta.dirname);
const read = (path: string) => readFileSync(join(root, path), "utf8");
const errors = read("docs/errors.md");

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

describe("README.md", () => {
  it("shows the example that the tests run, line by line", () => {
    expect(read("README.md")).toContain(`\`\`\`ts\n${read("examples/express-payments.ts").trimEnd()}\n\`\`\``);
  });

  it.each(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/guarantees.md", "docs/wire.md", "docs/errors.md"])(
    "%s links only to files that are there",
    (path) => {
      const links = [...read(path).matchAll(/\]\(((?!https?:)[^)#]+)/g)].map(([, to = ""]) => join(dirname(path), to));
      expect(links.filter((to) => !existsSync(join(root, to)))).toEqual([]);
    },
  );
});
