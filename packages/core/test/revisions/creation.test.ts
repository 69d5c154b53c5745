import { afterEach, describe, expect, it, vi } from "vitest";
import { memoryStore } from "../../src/memory-store.js";
import { createOnceover } from "../../src/onceover.js";
import type { PinnedOnceover } from "../../src/pinned.js";
import { pins } from "../../src/pins/attach.js";
import { createPinKeys } from "../../src/revisions/create-pin-keys.js";
import { revisions } from "../../src/revisions/create-revisions.js";
import { fetchForward } from "../../src/revisions/fetch-forward.js";
import { memoryRegistry } from "../../src/revisions/memory-registry.js";
import type { RevisionRegistry } from "../../src/revisions/registry.js";
import { SHARED_SCOPE } from "../../src/scope.js";
import type { Store } from "../../src/store.js";
import { factsOf } from "../pins/service.js";

afterEach(() => {
  vi.restoreAllMocks();
});

const REAL = new Map<string, unknown>();

/** What a runtime refuses outside of a request, as Workers do in their global scope: randomness, timers, sending, cryptography. */
function forbidden(): readonly string[] {
  const done: string[] = [];
  const spy = <Of extends object>(name: string, of: Of, method: keyof Of & string) => {
    // Some runtimes do not give back what was spied on.
    const real: unknown = REAL.get(name) ?? Reflect.get(of, method);
    REAL.set(name, real);
    vi.spyOn(of as Record<string, (...args: unknown[]) => unknown>, method).mockImplementation((...args) => {
      done.push(name);
      return typeof real === "function" ? real.apply(of, args) : undefined;
    });
  };
  spy("setTimeout", globalThis, "setTimeout");
  spy("setInterval", globalThis, "setInterval");
  spy("setImmediate", globalThis, "setImmediate");
  spy("fetch", globalThis, "fetch");
  spy("Math.random", Math, "random");
  spy("getRandomValues", crypto, "getRandomValues");
  spy("randomUUID", crypto, "randomUUID");
  for (const method of ["digest", "sign", "verify", "importKey"] as const) spy(method, crypto.subtle, method);
  return done;
}

/** A store and a registry that must not be asked yet; `verify` is core's own affair, and begun at once. */
function guarded(done: string[]): { readonly store: Store; readonly registry: RevisionRegistry } {
  const watched = <Of extends object>(of: Of, name: string): Of =>
    new Proxy(of, {
      get(target, member) {
        const found: unknown = Reflect.get(target, member);
        if (typeof found !== "function" || member === "verify") return found;
        return (...args: unknown[]) => {
          done.push(`${name}.${String(member)}`);
          return found.apply(target, args);
        };
      },
    });
  return { store: watched(memoryStore(), "store"), registry: watched(memoryRegistry(), "registry") };
}

function create(done: string[]): PinnedOnceover {
  const { store, registry } = guarded(done);
  return createOnceover({
    service: "search",
    revision: "r2",
    store,
    scope: SHARED_SCOPE,
    pins: pins({
      writes: { schemaRev: 12 },
      read: () => {
        done.push("read");
        return {};
      },
      revisions: revisions({
        registry,
        keys: createPinKeys({ service: "search", keys: [{ id: "a", secret: new Uint8Array(32).fill(7) }] }),
        givePins: "all",
        announceOnRequest: true,
        forwarder: fetchForward(),
        addresses: [],
        address: "http://10.0.3.7:8080",
      }),
    }),
  });
}

describe("an instance with pins and revisions", () => {
  it("is created, and its mounts, without randomness, timers, cryptography, or a word to anybody", async () => {
    const asked: string[] = [];
    const done = forbidden();
    const once = create(asked);
    once.mount({ pins: { required: true } });
    await Promise.resolve();
    expect([...done, ...asked]).toEqual([]);
  });

  it("does all of that with its first request", async () => {
    const asked: string[] = [];
    const once = create(asked);
    const done = forbidden();
    const verdict = await once.mount().attempt(factsOf({}) as never);
    if (verdict.action !== "pass") throw new Error(verdict.action);
    expect(verdict.pinned?.dress(201, () => undefined).map(([name]) => name)).toContain("Revision-Pin");
    expect(done).toEqual(expect.arrayContaining(["randomUUID", "importKey", "sign"]));
    expect(asked).toEqual(expect.arrayContaining(["registry.write", "registry.list", "read"]));
  });
});
