import { existsSync, readdirSync, readFileSync } from "node:fs";
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
  const shown = [...read("README.md").matchAll(/<!-- (\S+), run by a test -->\n```ts\n([\s\S]*?)\n```/g)];

  it("shows each framework by an example", () => {
    expect(shown.map(([, path]) => path)).toEqual([
      "examples/express-payments.ts",
      "examples/fastify-orders.ts",
      "examples/hono-edge.ts",
      "examples/next-route-handler.ts",
      "examples/nestjs/payments.ts",
    ]);
  });

  it.each(shown.map(([, path = "", code = ""]) => [path, code]))(
    "shows %s as it is run, in ten lines",
    (path, code) => {
      expect(`\n${read(path)}`).toContain(`\n${code}\n`);
      expect(code.split("\n").filter((line) => line.trim() !== "").length).toBeLessThanOrEqual(10);
    },
  );
});

describe("docs/writing-a-store.md", () => {
  const shown = [...read("docs/writing-a-store.md").matchAll(/<!-- (\S+), run by a test -->\n```ts\n([\s\S]*?)\n```/g)];
  const files = ["examples/own-store.ts", "examples/own-store-record.ts"];

  it("shows the store that its example is, and nothing else", () => {
    expect(new Set(shown.map(([, path = ""]) => path))).toEqual(new Set(files));
  });

  it.each(shown.map(([, path = "", code = ""], index) => [index + 1, path, code] as const))(
    "part %i is a run of lines of %s as it is tested",
    (_, path, code) => {
      expect(`\n${read(path)}`).toContain(`\n${code}\n`);
    },
  );

  it("says sixty lines of what has about sixty, blank ones and comments not counted", () => {
    const [, store = ""] = /\nexport function kvStore([\s\S]*?)\n}\n/.exec(read("examples/own-store.ts")) ?? [];
    const lines = store.split("\n").filter((line) => !/^\s*(?:\/\*\*.*)?$/.test(line));
    expect(lines.length).toBeGreaterThan(40);
    expect(lines.length).toBeLessThanOrEqual(62);
  });
});

describe("docs/guarantees.md", () => {
  const page = read("docs/guarantees.md");
  const proofs = [...page.matchAll(/^(\d+)\. `(\S+)`: "(.+)"$/gm)].map(([, number = "", path = "", rule = ""]) => ({
    ...{ number, path, rule },
  }));

  it("names a test for each cell of store and fault, and no test that no cell needs", () => {
    const [, table = ""] = /## Fault by fault, store by store([\s\S]*?)\n1\. /.exec(page) ?? [];
    const cited = [...table.matchAll(/\((\d+(?:, \d+)*)\)/g)].flatMap(([, numbers = ""]) => numbers.split(", "));
    expect(proofs.length).toBeGreaterThan(20);
    expect(new Set(cited)).toEqual(new Set(proofs.map(({ number }) => number)));
  });

  it.each(proofs)("proof $number is a test of $path", ({ path, rule }) => {
    expect(read(path)).toContain(rule);
  });
});

const pages = ["docs", "examples", "bench", "packages"]
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((path) => `${folder}/${path}`))
  .concat(readdirSync(root))
  .filter((path) => path.endsWith(".md") && !path.includes("node_modules/"));

describe("every page", () => {
  it.each(pages)("%s links only to files that are there", (path) => {
    const links = [...read(path).matchAll(/\]\(((?!https?:)[^)#]+)/g)].map(([, to = ""]) => join(dirname(path), to));
    expect(links.filter((to) => !existsSync(join(root, to)))).toEqual([]);
  });
});
