import { describeRegistry, type RegistryHarness } from "@onceover/conformance";
import { type MemoryRegistryOptions, memoryRegistry } from "@onceover/core/revisions";
import { expect, it } from "vitest";

const SERVICE = "s".repeat(43);
const MINUTE_MS = 60_000;

function openMemory() {
  let nowMs = 0;
  const registry = memoryRegistry({ nowMs: () => nowMs });
  const advance = (ms: number) => {
    nowMs += ms;
  };
  return { registry, advance };
}

async function openHarness(): Promise<RegistryHarness> {
  const { registry, advance } = openMemory();
  return { registry, advance, second: async () => registry, close: async () => registry.close() };
}

describeRegistry("memory", { open: openHarness });

describeRegistry("memory on the real clock", {
  async open() {
    const registry = memoryRegistry();
    return { registry, second: async () => registry, close: async () => registry.close() };
  },
  async openBreakable() {
    const registry = memoryRegistry();
    const close = async () => registry.close();
    return { registry, second: async () => registry, close, breakDown: close };
  },
});

it.each([
  [{ nowMs: 5 as unknown as () => number }, "nowMs must be a function, got 5"],
  [null as unknown as MemoryRegistryOptions, "memoryRegistry must be given an object of options, got null"],
])("an option that breaks its rule is refused at creation: %#", (options, message) => {
  expect(() => memoryRegistry(options)).toThrow(new TypeError(message));
});

it("a text is there until the very millisecond at which its keepMs has passed", async () => {
  const { registry, advance } = openMemory();
  await registry.write(SERVICE, "r1", "text", 1000);
  advance(999);
  expect(await registry.list(SERVICE)).toEqual([{ id: "r1", text: "text", ageMs: 999, sinceMs: 999 }]);
  advance(1);
  expect(await registry.list(SERVICE)).toEqual([]);
});

it("a service that has 10,000 texts takes no new id, goes on with those it has, and others are not concerned", async () => {
  const { registry, advance } = openMemory();
  for (let i = 0; i < 10_000; i++) await registry.write(SERVICE, `r${i}`, "text", i === 0 ? 1000 : MINUTE_MS);
  await expect(registry.write(SERVICE, "one-more", "text", MINUTE_MS)).rejects.toMatchObject({ code: "store-full" });
  await expect(registry.count(SERVICE, "one-more", MINUTE_MS)).rejects.toMatchObject({ code: "store-full" });
  await registry.write(SERVICE, "r1", "other text", MINUTE_MS);
  await registry.write("t".repeat(43), "r1", "text", MINUTE_MS);
  expect(await registry.list(SERVICE)).toHaveLength(10_000);
  advance(1000);
  await registry.write(SERVICE, "one-more", "text", MINUTE_MS);
  expect(await registry.list(SERVICE)).toHaveLength(10_000);
});
