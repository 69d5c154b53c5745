import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What the source of each package may import, beside its own files. Nobody imports a store, but for what is in `BUNDLED`. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  "packages/core": ["canonicalize"],
  "packages/conformance": ["@onceover/core", "fast-check", "vitest", "node:*"],
  "packages/adapters/node": ["@onceover/core", "node:*", "undici"],
  "packages/adapters/express": ["@onceover/core", "@onceover/node", "express"],
  "packages/adapters/fastify": ["@onceover/core", "@onceover/node", "fastify", "fastify-plugin", "node:*"],
  "packages/adapters/fetch": ["@onceover/core"],
  "packages/adapters/hono": ["@onceover/core", "@onceover/fetch", "hono"],
  "packages/stores/durable-object": ["@onceover/core", "cloudflare:*"],
  "packages/stores/lmdb": ["@onceover/core", "lmdb", "node:*"],
  "packages/stores/postgres": ["@onceover/core", "pg"],
  "packages/stores/redis": ["@onceover/core", "ioredis", "node:*"],
  "packages/stores/upstash": ["@onceover/core", "@onceover/redis/scripts", "@upstash/redis"],
};

/** What runs where there are Web APIs and nothing else. */
const EDGE = [
  "packages/core",
  "packages/adapters/fetch",
  "packages/adapters/hono",
  "packages/stores/upstash",
  "packages/stores/durable-object",
];

/**
 * Side doors of packages: source that is built into whoever imports it, and that nobody else can import. Whoever uses the
 * package has no need of the other one, nor of its peers.
 */
const BUNDLED: readonly string[] = ["@onceover/redis/scripts"];

function packageFolders(): string[] {
  return ["packages", "packages/adapters", "packages/stores"]
    .flatMap((folder) =>
      readdirSync(join(root, folder), { withFileTypes: true }).map(({ name }) => `${folder}/${name}`),
    )
    .filter((folder) => readdirSync(join(root, folder)).includes("package.json"));
}

type Names = Readonly<Record<string, string>>;

function manifestOf(folder: string): Readonly<Record<string, Names>> {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The modules a file names, in imports of any kind. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']/g,
  );
  const bare = text.matchAll(/(?:^|\n)import\s*["']([^"']+)["']/g);
  return [...found, ...bare].flatMap(([, from, dynamic]) => [from, dynamic].filter((name) => name !== undefined));
}

function packageOf(specifier: string): string {
  if (BUNDLED.includes(specifier)) return specifier;
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return "node:*";
  if (specifier.startsWith("cloudflare:")) return "cloudflare:*";
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** The doors by which a package is entered when it is published. */
function doorsOf(name: string): string[] {
  const home = packageFolders().find((folder) => String(manifestOf(folder).name) === name) ?? "";
  const doors = Object.entries(manifestOf(home).exports ?? {}).filter(([, door]) => Object(door).import !== undefined);
  return doors.map(([door]) => name + door.slice(1));
}

/** What a package imports of others; a second door of it may go through the first. */
function outside(folder: string): string[] {
  const own = String(manifestOf(folder).name);
  const specifiers = sources(folder)
    .flatMap(importsOf)
    .filter((specifier) => !specifier.startsWith(".") && specifier !== own);
  return [...new Set(specifiers.map(packageOf))].sort();
}

describe("the house", () => {
  it("has an import table for each package, and for nothing else", () => {
    expect(packageFolders().sort()).toEqual(Object.keys(TABLE).sort());
  });

  it.each(Object.entries(TABLE))("%s imports only what its line of the table allows", (folder, allowed) => {
    expect(outside(folder).filter((name) => !allowed.includes(name))).toEqual([]);
  });

  it.each(Object.keys(TABLE))("%s declares what it imports, and nothing else", (folder) => {
    const { dependencies = {}, peerDependencies = {} } = manifestOf(folder);
    const declared = Object.keys({ ...dependencies, ...peerDependencies }).filter(
      (name) => !name.startsWith("@types/"),
    );
    const imported = outside(folder).filter((name) => !name.endsWith(":*") && !BUNDLED.includes(name));
    expect(declared.sort()).toEqual(imported);
  });

  it.each(Object.keys(TABLE))("%s stays within its own folder and takes others by their front door", (folder) => {
    for (const file of sources(folder)) {
      for (const specifier of importsOf(file)) {
        if (specifier.startsWith("@onceover/") && !BUNDLED.includes(specifier)) {
          expect(doorsOf(specifier.split("/").slice(0, 2).join("/"))).toContain(specifier);
        }
        if (!specifier.startsWith(".")) continue;
        expect(relative(join(root, folder, "src"), join(dirname(file), specifier))).not.toMatch(/^\.\./);
      }
    }
  });

  it.each(BUNDLED)("%s is built into those who import it, and is no dependency of theirs", (specifier) => {
    const [scope = "", name = "", door = ""] = specifier.split("/");
    const importers = Object.keys(TABLE).filter((folder) => outside(folder).includes(specifier));
    expect(importers).not.toEqual([]);
    for (const { dependencies = {}, peerDependencies = {}, devDependencies = {} } of importers.map(manifestOf)) {
      expect(Object.keys({ ...dependencies, ...peerDependencies })).not.toContain(`${scope}/${name}`);
      expect(Object.keys(devDependencies)).toContain(`${scope}/${name}`);
    }
    const home = packageFolders().find((folder) => String(manifestOf(folder).name) === `${scope}/${name}`) ?? "";
    expect(manifestOf(home).exports?.[`./${door}`]).toEqual({ "onceover-src": `./src/${door}/index.ts` });
  });

  it("what runs on the edge names no runtime's own globals", () => {
    for (const file of EDGE.flatMap(sources)) {
      const code = readFileSync(file, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      expect(code, file).not.toMatch(/\b(?:Buffer|require|__dirname|setImmediate)\b|(?<![.{]\s*)\bprocess\./);
    }
  });

  it.each(EDGE)("%s bundles with everything it depends on, and no Node built-in is within reach", async (folder) => {
    const bundled = await build({
      entryPoints: doorsOf(String(manifestOf(folder).name)).map((door) =>
        join(root, folder, "src", `${door.split("/")[2] ?? "index"}.ts`),
      ),
      bundle: true,
      write: false,
      outdir: "never-written",
      // Knows no built-ins: one that is imported cannot be resolved.
      platform: "neutral",
      // What a Worker imports of its runtime.
      external: ["cloudflare:*"],
      mainFields: ["main"],
      conditions: ["onceover-src"],
      logLevel: "silent",
    });
    expect(bundled.errors).toEqual([]);
  });

  it("within core, pins know revisions by their types alone, and neither is known to what stands before them", () => {
    for (const file of sources("packages/core")) {
      const inside = relative(join(root, "packages/core/src"), file);
      const code = readFileSync(file, "utf8").replaceAll(/import type [^;]*;/g, "");
      if (inside.startsWith("pins/")) expect(code, inside).not.toMatch(/from "\.\.\/revisions\//);
      if (!inside.includes("/") && !/^(?:pins|revisions)\.ts$/.test(inside)) {
        expect(code, inside).not.toMatch(/from "\.\/(?:pins|revisions)\//);
      }
    }
  });

  it("adapters decide nothing about keys, pins or states", () => {
    for (const file of Object.keys(TABLE)
      .filter((folder) => folder.includes("/adapters/"))
      .flatMap(sources)) {
      const code = readFileSync(file, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
      expect(code, file).not.toMatch(/idempotency-key|fingerprint|storeKey|acquire|"running"|"unknown"|"done"/i);
    }
  });
});
