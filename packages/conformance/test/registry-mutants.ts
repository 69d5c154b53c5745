import type { RegistryEntry, RevisionRegistry } from "@onceover/core/revisions";

/** A registry with one planted bug, over a registry that has none. */
export interface RegistryMutant {
  readonly bug: string;
  /** How the rule begins that must catch it; others may too. */
  readonly brokenRule: string;
  plant(registry: RevisionRegistry): RevisionRegistry;
}

const YEAR_MS = 31_536_000_000;

/** Bugs that a registry may well have, each planted in one verb. */
export const REGISTRY_MUTANTS: readonly RegistryMutant[] = [
  {
    bug: "write begins every age anew",
    brokenRule: "write() over a text keeps its sinceMs",
    plant: (registry) => ({
      ...registry,
      async write(service, id, text, keepMs) {
        await registry.remove(service, id);
        await registry.write(service, id, text, keepMs);
      },
    }),
  },
  {
    bug: "count begins every age anew",
    brokenRule: "count() over a text keeps its sinceMs",
    plant: (registry) => ({
      ...registry,
      async count(service, id, keepMs) {
        const sum = await registry.count(service, id, keepMs);
        await registry.remove(service, id);
        await registry.write(service, id, String(sum), keepMs);
        return sum;
      },
    }),
  },
  {
    bug: "ages are those of the first writing",
    brokenRule: "write() over a text keeps its sinceMs",
    plant: (registry) => mapping(registry, (entry) => ({ ...entry, ageMs: entry.sinceMs })),
  },
  {
    bug: "ages do not grow",
    brokenRule: "a text that was written once is as old",
    plant: (registry) => mapping(registry, (entry) => ({ ...entry, ageMs: 0, sinceMs: 0 })),
  },
  {
    bug: "ages begin in the future",
    brokenRule: "a text that was removed and is written again",
    plant: (registry) =>
      mapping(registry, (entry) => ({ ...entry, ageMs: entry.ageMs - 1, sinceMs: entry.sinceMs - 1 })),
  },
  {
    bug: "a text that was removed leaves its first writing behind",
    brokenRule: "a text that was removed",
    plant: bury,
  },
  {
    bug: "services are told apart without case",
    brokenRule: "services do not see each other",
    plant: (registry) => renaming(registry, { service: (name) => name.toLowerCase() }),
  },
  {
    bug: "ids are told apart without case",
    brokenRule: "ids of each allowed character",
    plant: (registry) => renaming(registry, { id: (name) => name.toLowerCase() }),
  },
  {
    bug: "texts pass through the fields of an object",
    brokenRule: "ids such as __proto__",
    plant: (registry) => ({
      ...registry,
      async list(service) {
        const byId: Record<string, RegistryEntry> = {};
        for (const entry of await registry.list(service)) byId[entry.id] = entry;
        return Object.values(byId);
      },
    }),
  },
  {
    bug: "an empty text is no text",
    brokenRule: "texts come back character by character",
    plant: (registry) => filtering(registry, ({ text }) => text !== ""),
  },
  {
    bug: "texts are normalised",
    brokenRule: "texts come back character by character",
    plant: (registry) => mapping(registry, (entry) => ({ ...entry, text: entry.text.normalize("NFC") })),
  },
  {
    bug: "numbers are read as numbers",
    brokenRule: "texts come back character by character",
    plant: (registry) => mapping(registry, (entry) => ({ ...entry, text: asNumber(entry.text) })),
  },
  {
    bug: "texts are cut at 16,384 bytes",
    brokenRule: "texts of 16,384 characters",
    plant: (registry) => mapping(registry, (entry) => ({ ...entry, text: cut(entry.text) })),
  },
  {
    bug: "remove does nothing",
    brokenRule: "remove() answers ok",
    plant: (registry) => ({ ...registry, remove: async () => "ok" }),
  },
  {
    bug: "a text that is kept no longer can be removed",
    brokenRule: "a text whose keepMs has passed is as if",
    plant: (registry) => ({
      ...registry,
      async remove(service, id) {
        await registry.remove(service, id);
        return "ok";
      },
    }),
  },
  {
    bug: "keepMs is ignored",
    brokenRule: "a text whose keepMs has passed is as if",
    plant: (registry) => ({ ...registry, write: (service, id, text) => registry.write(service, id, text, YEAR_MS) }),
  },
  {
    bug: "keepMs is kept in 32 bits",
    brokenRule: "a keepMs of more than a year",
    plant: (registry) => keeping(registry, (_, keepMs) => Math.max(1, keepMs | 0)),
  },
  {
    bug: "the shortest keepMs is everybody's",
    brokenRule: "a text is kept for its own keepMs",
    plant: (registry) => keeping(registry, (kept) => Math.min(...kept.values())),
  },
  {
    bug: "the longest keepMs that a text ever had is kept to",
    brokenRule: "the keepMs that counts is that of the last write()",
    plant: (registry) => keeping(registry, (kept) => Math.max(...kept.values())),
  },
  {
    bug: "count adds in 32 bits",
    brokenRule: "count() of large numbers",
    plant: (registry) => ({
      ...registry,
      count: async (service, id, keepMs) => (await registry.count(service, id, keepMs)) | 0,
    }),
  },
  {
    bug: "count reads as much of a number as there is",
    brokenRule: "count() over a text that is no number",
    plant: (registry) => countingBy(registry, (text) => Number.parseInt(text, 10) || 0),
  },
  {
    bug: "count looks first and writes later",
    brokenRule: "of 50 counts at once",
    plant: (registry) => countingBy(registry, (text) => (/^\d+$/.test(text) ? Number(text) : 0)),
  },
  {
    bug: "list ends after 64 texts",
    brokenRule: "list() has all of 100 ids",
    plant: (registry) => ({ ...registry, list: async (service) => (await registry.list(service)).slice(0, 64) }),
  },
  {
    bug: "a write is confirmed before it is made",
    brokenRule: "list() has every text whose write() was confirmed",
    plant: (registry) => ({
      ...registry,
      async write(service, id, text, keepMs) {
        setTimeout(() => registry.write(service, id, text, keepMs).catch(() => undefined), 5);
      },
    }),
  },
  {
    bug: "write takes the old text away before it puts the new one there",
    brokenRule: "list() never misses a text that is written over",
    plant: (registry) => ({
      ...registry,
      async write(service, id, text, keepMs) {
        await registry.remove(service, id);
        await new Promise((resolve) => setTimeout(resolve, 1));
        await registry.write(service, id, text, keepMs);
      },
    }),
  },
  {
    bug: "a list that cannot be read is empty",
    brokenRule: "a call that cannot reach the texts",
    plant: (registry) => ({ ...registry, list: (service) => registry.list(service).catch(() => []) }),
  },
  {
    bug: "the client's own errors get through",
    brokenRule: "a call that cannot reach the texts",
    plant: (registry) => ({
      ...registry,
      remove: (service, id) => registry.remove(service, id).catch(() => Promise.reject(new Error("ECONNREFUSED"))),
    }),
  },
];

function mapping(registry: RevisionRegistry, change: (entry: RegistryEntry) => RegistryEntry): RevisionRegistry {
  return { ...registry, list: async (service) => (await registry.list(service)).map(change) };
}

function filtering(registry: RevisionRegistry, isThere: (entry: RegistryEntry) => boolean): RevisionRegistry {
  return { ...registry, list: async (service) => (await registry.list(service)).filter(isThere) };
}

type Rename = (name: string) => string;

function renaming(
  registry: RevisionRegistry,
  { service: nameOf = same, id: idOf = same }: { readonly service?: Rename; readonly id?: Rename },
): RevisionRegistry {
  return {
    ...registry,
    write: (service, id, text, keepMs) => registry.write(nameOf(service), idOf(id), text, keepMs),
    count: (service, id, keepMs) => registry.count(nameOf(service), idOf(id), keepMs),
    list: (service) => registry.list(nameOf(service)),
    remove: (service, id) => registry.remove(nameOf(service), idOf(id)),
  };
}

function same(name: string): string {
  return name;
}

/** A registry that keeps its texts for what `choose` makes of every keepMs it has been given, by id, and of the latest. */
function keeping(
  registry: RevisionRegistry,
  choose: (given: ReadonlyMap<string, number>, keepMs: number) => number,
): RevisionRegistry {
  const given = new Map<string, number>();
  const texts = new Map<string, string>();
  return {
    ...registry,
    async write(service, id, text, keepMs) {
      given.set(`${given.size} ${id}`, keepMs);
      texts.set(id, text);
      for (const [one, kept] of texts) await registry.write(service, one, kept, choose(given, keepMs));
    },
  };
}

/** Looks, thinks about it, and writes. */
function countingBy(registry: RevisionRegistry, numberOf: (text: string) => number): RevisionRegistry {
  return {
    ...registry,
    async count(service, id, keepMs) {
      const found = (await registry.list(service)).find((entry) => entry.id === id);
      const sum = numberOf(found?.text ?? "") + 1;
      await registry.write(service, id, String(sum), keepMs);
      return sum;
    },
  };
}

/** What is removed is only hidden, and comes to light with its first writing when it is written again. */
function bury(registry: RevisionRegistry): RevisionRegistry {
  const GRAVE = "\u0000";
  return {
    ...filtering(registry, ({ text }) => text !== GRAVE),
    async remove(service, id) {
      const found = (await registry.list(service)).find((entry) => entry.id === id && entry.text !== GRAVE);
      if (found !== undefined) await registry.write(service, id, GRAVE, YEAR_MS);
      return found === undefined ? "none" : "ok";
    },
  };
}

function asNumber(text: string): string {
  return text !== "" && !Number.isNaN(Number(text)) ? String(Number(text)) : text;
}

function cut(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, 16_384));
}
