import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROBLEMS } from "@onceover/core";
import { ADMISSIONS, type ArrivalKind, DRAIN_PROBLEMS, planDrain } from "@onceover/core/drain";
import { pins } from "@onceover/core/pins";
import { createPinKeys, memoryRegistry, PIN_PROBLEMS, revisions } from "@onceover/core/revisions";
import { describe, expect, it } from "vitest";

const root = dirname(import.meta.dirname);
const read = (path: string) => readFileSync(join(root, path), "utf8");
const errors = read("docs/errors.md");

describe("docs/errors.md", () => {
  const [ofKeys = "", ofPins = "", ofDrain = ""] = errors.split(/\n## Refusals of (?:pins|an instance that leaves)\n/);

  it.each([
    ["each code", PROBLEMS, ofKeys],
    ["each code of pins", PIN_PROBLEMS, ofPins],
    ["each code of a drain", DRAIN_PROBLEMS, ofDrain],
  ] as const)(
    "lists %s of the closed list with its status and what was executed, in order, and no other",
    (_, list, part) => {
      const rows = [...part.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \| `([^`]+)` \|/gm)].map(([, ...cells]) => cells);
      const codes = Object.entries(list).map(([code, { status, executed }]) => [
        code,
        String(status),
        JSON.stringify(executed),
      ]);
      expect(rows).toEqual(codes);
    },
  );
});

describe("docs/drain.md", () => {
  const page = read("docs/drain.md");

  it("has the table of admissions as it is", () => {
    const [head = "", ...rows] = [...page.matchAll(/^\| (`[a-z-]+`|)(?::[^|]*)?(?:\| )?(.*) \|$/gm)]
      .map(([line]) => line)
      .filter((line) => /\| serve \|/.test(line) || line.startsWith("| | `serving`"));
    const states = [...head.matchAll(/`([a-z]+)`/g)].map(([, state]) => state);
    expect(states).toEqual(Object.keys(ADMISSIONS));
    const shown = rows.map((row) => {
      const [kind = "", atFirst = "", ...later] = row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [/`([a-z-]+)`/.exec(kind)?.[1], [atFirst, atFirst, ...later]];
    });
    const kinds = Object.keys(ADMISSIONS.serving) as ArrivalKind[];
    expect(shown).toEqual(kinds.map((kind) => [kind, Object.values(ADMISSIONS).map((row) => row[kind])]));
  });

  it("shows the example as it is run", () => {
    for (const [, path = "", code = ""] of page.matchAll(/<!-- (\S+), run by a test -->\n```ts\n([\s\S]*?)\n```/g)) {
      expect(`\n${read(path)}`).toContain(`\n${code}\n`);
    }
  });

  it.each([
    ["KUBERNETES_SERVICE_HOST", "Kubernetes", 30],
    ["INVOCATION_ID", "systemd", 90],
    ["ECS_CONTAINER_METADATA_URI_V4", "Amazon ECS", 30],
    ["RENDER", "Render", 30],
    ["FLY_APP_NAME", "Fly", 5],
    ["DYNO", "Heroku", 30],
    ["K_SERVICE", "Cloud Run", 10],
  ])("knows by %s what the plan knows: %s, %i s", (variable, title, seconds) => {
    const { budgetMs, platform } = planDrain({ [variable]: "it is here" });
    expect(platform).not.toBe("none");
    expect(budgetMs / 1000).toBeLessThan(seconds);
    expect(page).toContain(`| ${title} | ${seconds} s`);
  });

  it.each(["KUBERNETES_SERVICE_HOST", "RENDER", "FLY_APP_NAME"])(
    "by %s streams of a minute fit from 85 s on",
    (variable) => {
      const within = (seconds: string) =>
        planDrain({ [variable]: "it is here", TERMINATION_GRACE_PERIOD_SECONDS: seconds });
      expect(within("85").warnings).toEqual([]);
      expect(within("80").warnings).not.toEqual([]);
    },
  );
});

describe("README.md", () => {
  const shown = [...read("README.md").matchAll(/<!-- (\S+), run by a test -->\n```ts\n([\s\S]*?)\n```/g)];

  it("shows each framework by an example, pins, and how to leave", () => {
    expect(shown.map(([, path]) => path)).toEqual([
      "examples/express-payments.ts",
      "examples/fastify-orders.ts",
      "examples/hono-edge.ts",
      "examples/next-route-handler.ts",
      "examples/nestjs/payments.ts",
      "examples/pins/search.ts",
      "examples/drain/payments.ts",
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

describe("docs/pins.md", () => {
  const page = read("docs/pins.md");
  const shown = [...page.matchAll(/<!-- (\S+), run by a test -->\n```(\w+)\n([\s\S]*?)\n```/g)];

  it("shows nothing but what a test runs", () => {
    expect(shown.length).toBeGreaterThan(10);
    expect(page.match(/^```\w*$/gm)).toHaveLength(2 * shown.length);
  });

  it.each(shown.map(([, path = "", language = "", code = ""], index) => [index + 1, path, language, code] as const))(
    "part %i is a run of lines of %s",
    (_, path, language, code) => {
      expect(path.endsWith({ nginx: ".conf" }[language] ?? `.${language}`)).toBe(true);
      expect(`\n${read(path)}\n`).toContain(`\n${code}\n`);
    },
  );

  it("says when a request is refused by each code of pins", () => {
    expect(Object.keys(PIN_PROBLEMS).filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });
});

/** The names of a function's options, as it says them to one who gives it another. */
function optionsOf(take: (options: never) => unknown, needed: object): string[] {
  try {
    take({ ...needed, stranger: true } as never);
  } catch (error) {
    return /; it has (.+)$/.exec(String(error))?.[1]?.split(", ") ?? [];
  }
  return [];
}

describe("packages/core/README.md", () => {
  const page = read("packages/core/README.md");

  it("shows pins as they are run", () => {
    const [, path = "", code = ""] = /<!-- (\S+), run by a test -->\n```ts\n([\s\S]*?)\n```/.exec(page) ?? [];
    expect(path).toBe("examples/pins/search.ts");
    expect(`\n${read(path)}`).toContain(`\n${code}\n`);
  });

  it.each([
    ["pins", pins, {}],
    ["revisions", revisions, { registry: memoryRegistry() }],
    ["createPinKeys", createPinKeys, { service: "search", keys: [] }],
  ] as const)("lists each option of %s, and no other", (name, take, needed) => {
    const [, part = ""] = new RegExp(`\n##+ \`${name}\\(options\\)\`\n([\\s\\S]*?)(?:\n#|$)`).exec(page) ?? [];
    const rows = [...part.matchAll(/^\| `(\w+)` \|/gm)].map(([, option]) => option);
    const options = optionsOf(take, needed);
    expect(options.length).toBeGreaterThan(1);
    expect(rows.sort()).toEqual(options.sort());
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
