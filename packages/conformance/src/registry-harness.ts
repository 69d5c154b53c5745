import type { RegistryEntry, RevisionRegistry } from "@onceover/core/revisions";
import { expect } from "vitest";
import { newKey } from "./store-harness.js";

/** A registry that was opened for one case. Its functions are called detached: closures, not methods that need `this`. */
export interface RegistryHarness {
  readonly registry: RevisionRegistry;
  /** Opens another client or handle on the same texts, as another process would have. Called at most once per case. */
  second(): Promise<RevisionRegistry>;
  /** Closes everything that `open` and `second` opened. Called once, at the end of the case. */
  close(): Promise<void>;
  /**
   * Moves the registry's clock forward, for every handle, in milliseconds.
   * @default absent: the suite waits in real time, for some 50 ms at once
   */
  advance?(ms: number): Promise<void> | void;
}

/** A registry that what keeps its texts can be taken away from. */
export interface BreakableRegistry extends RegistryHarness {
  /** Puts what keeps the texts out of reach, for every handle; `close` still works. */
  breakDown(): Promise<void>;
}

/** What `describeRegistry` is given. */
export interface RegistrySuite {
  /** Opens a registry for one case; server and tables may be shared, since every case makes fresh services. */
  open(): Promise<RegistryHarness>;
  /**
   * Opens a registry whose texts can be put out of reach, to see what its verbs do then.
   * @default absent: the case is left out, because nothing stands between registry and texts
   */
  openBreakable?(): Promise<BreakableRegistry>;
}

/** One rule of the contract, and the steps that show whether a registry holds it. */
export type RegistryCase =
  | {
      readonly rule: string;
      readonly needs?: never;
      /** Rejects where the registry breaks the rule. The caller closes the harness. */
      run(harness: RegistryHarness): Promise<void>;
    }
  | { readonly rule: string; readonly needs: "breakDown"; run(harness: BreakableRegistry): Promise<void> };

/** A fresh service of the form that core makes, which is that of a key. */
export function newService(): string {
  return newKey();
}

/** Reads a text that must be there. */
export async function entryOf(registry: RevisionRegistry, service: string, id: string): Promise<RegistryEntry> {
  const entry = await findEntry(registry, service, id);
  if (entry === undefined) throw new Error(`expected list() to have ${id}`);
  return entry;
}

/** Whether a text is there. */
export async function has(registry: RevisionRegistry, service: string, id: string): Promise<boolean> {
  return (await findEntry(registry, service, id)) !== undefined;
}

/** All texts of a service by id, each there once. */
export async function textsOf(registry: RevisionRegistry, service: string): Promise<ReadonlyMap<string, string>> {
  const entries = await registry.list(service);
  const texts = new Map(entries.map(({ id, text }) => [id, text]));
  expect(entries).toHaveLength(texts.size);
  return texts;
}

async function findEntry(
  registry: RevisionRegistry,
  service: string,
  wanted: string,
): Promise<RegistryEntry | undefined> {
  const found = (await registry.list(service)).filter(({ id }) => id === wanted);
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0];
}
