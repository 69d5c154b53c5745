import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { createOnceover, memoryStore, SHARED_SCOPE } from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { createPinKeys, memoryRegistry, type RevisionRegistry, revisions } from "@onceover/core/revisions";
import { listen } from "@onceover/test/listen";
import {
  type Fleet,
  memoryFleet,
  type PinnedRevision,
  startPinnedRevision,
  testKeys,
} from "@onceover/test/pinned-revision";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(fleet: Fleet, revision: string, more: object = {}): Promise<PinnedRevision> {
  const started = await startPinnedRevision({ fleet, revision, writes: { indexHash: revision }, more });
  ends.push(() => started.stop());
  return started;
}

/** Two revisions; whatever is sent in these tests is sent to the second one, and must stay there. */
async function pair(more: object = {}) {
  const fleet = memoryFleet(memoryRegistry());
  const old = await start(fleet, "r1", more);
  const next = await start(fleet, "r2", more);
  return { fleet, old, next, good: await old.sign("pin") };
}

/** The three ways a request can carry a pin. */
const CARRIERS: readonly (readonly [string, (pin: string) => { target: string; headers: Record<string, string> }])[] = [
  ["header", (pin) => ({ target: "/search", headers: { "Revision-Pin": pin } })],
  ["query", (pin) => ({ target: `/search?revision-pin=${encodeURIComponent(pin)}`, headers: {} })],
  ["cookie", (pin) => ({ target: "/search", headers: { Cookie: `__Host-revision-pin=${pin}` } })],
];

async function ask(url: string, pin: string, carry = CARRIERS[0]?.[1]) {
  const { target = "/search", headers = {} } = carry?.(pin) ?? {};
  const response = await fetch(url + target, { headers });
  const text = await response.text();
  return { status: response.status, text, cookies: response.headers.getSetCookie() };
}

const flipped = (pin: string, at: number) => {
  const bit = String.fromCharCode(pin.charCodeAt(at) ^ 1);
  return pin.slice(0, at) + (bit === "%" ? "A" : bit) + pin.slice(at + 1);
};

const claims = (revision: string) => ({ kind: "pin" as const, revision, epoch: 0, expiresAtMs: Date.now() + 60_000 });

describe.each(CARRIERS)("a pin in the %s", (from, carry) => {
  it("leads to its revision where nothing is wrong with it", async () => {
    const { next, good } = await pair();
    expect(await ask(next.url, good, carry)).toMatchObject({ status: 200, text: expect.stringContaining('"r1"') });
    expect(next.sent.size).toBe(1);
  });

  it.each<[string, (good: string) => string | Promise<string>]>([
    ["made with a key of somebody else's", () => testKeys("search", "k1", 8).sign(claims("r1"))],
    ["with a bit flipped in its claims", (good) => flipped(good, 20)],
    ["with a bit flipped in its signature", (good) => flipped(good, good.length - 10)],
    ["that has expired", () => testKeys().sign({ ...claims("r1"), expiresAtMs: Date.now() - 1 })],
    ["made for another service", () => testKeys("payments").sign(claims("r1"))],
    ["of a key that is not known", () => testKeys("search", "k2").sign(claims("r1"))],
    ["that is an override", () => testKeys().sign({ ...claims("r1"), kind: "override" })],
    ["of 8 KB", (good) => good + "A".repeat(8192)],
    ["that is __proto__", () => "__proto__"],
    ["with nothing in it", () => "."],
    ["cut short", (good) => good.slice(0, -1)],
  ])("%s routes nowhere, and is no error", async (_, forge) => {
    const { next, good } = await pair();
    const answered = await ask(next.url, await forge(good), carry);
    expect(answered).toMatchObject({ status: 200, text: expect.stringContaining('"r2"') });
    expect(next.sent.size).toBe(0);
    expect(next.events.filter(({ type }) => type === "pin-dropped")).toHaveLength(1);
    const cleared = ["__Host-revision-pin=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"];
    expect(answered.cookies).toEqual(from === "cookie" ? cleared : []);
  });

  it("of a revision that was rolled back routes nowhere, in any instance", async () => {
    const { old, next, good } = await pair();
    await old.revoke("r1");
    await expect.poll(() => ask(next.url, good, carry)).toMatchObject({ text: expect.stringContaining('"r2"') });
  });

  it("of a revision below the floor routes nowhere", async () => {
    const { next, good } = await pair();
    await next.setFloor("r2");
    expect(await ask(next.url, good, carry)).toMatchObject({ status: 200, text: expect.stringContaining('"r2"') });
  });
});

describe("a pin that came twice", () => {
  it.each<[string, string, (pin: string) => string[]]>([
    ["in two header lines", "/search", (pin) => [`Revision-Pin: ${pin}`, `Revision-Pin: ${pin}`]],
    ["in two parameters", "/search?revision-pin=PIN&revision-pin=PIN", () => []],
    ["in two cookies", "/search", (pin) => [`Cookie: __Host-revision-pin=${pin}; __Host-revision-pin=${pin}`]],
  ])("%s routes nowhere", async (_, target, lines) => {
    const { next, good } = await pair();
    expect(await raw(next.port, target.replaceAll("PIN", good), lines(good))).toContain('"revision":"r2"');
    expect(next.sent.size).toBe(0);
  });
});

/** Sends the bytes of a request as they are. */
function raw(port: number, target: string, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    socket.on("error", reject).on("close", () => resolve(text));
    socket.write(["GET ", target, " HTTP/1.1\r\n", "Host: search\r\n", "Connection: close\r\n"].join(""));
    socket.write(`${lines.map((line) => `${line}\r\n`).join("")}\r\n`);
  });
}

describe("200,000 fuzzed pins", () => {
  it("route nowhere, and none of them is an error", async () => {
    const keys = testKeys();
    const registry = memoryRegistry();
    const forwarder = { fetch: () => Promise.reject(new Error("a fuzzed pin was forwarded")) };
    const instance = (revision: string) =>
      createOnceover({
        service: "search",
        revision,
        store: memoryStore(),
        scope: SHARED_SCOPE,
        pins: pins({
          revisions: revisions({
            registry,
            keys,
            address: "http://127.0.0.1:1",
            addresses: () => true,
            forwarder,
            override: "signed",
          }),
        }),
      });
    const old = await instance("r1").pins.announce();
    ends.push(() => old.stop());
    const next = instance("r2");
    const mount = next.mount();
    const good = await keys.sign(claims("r1"));
    for (let batch = 0; batch < 200; batch++) {
      const seen = await Promise.all(
        fc.sample(fuzzed(good), { numRuns: 1000, seed: batch }).map(async ({ pin, at }) => {
          if (pin === good) return "pass";
          const verdict = await mount.attempt(factsOf(pin, at));
          return verdict.action;
        }),
      );
      expect(seen.filter((action) => action !== "pass")).toEqual([]);
    }
    expect((await mount.attempt(factsOf(good, 0))).action).toBe("forward");
  }, 120_000);
});

type Fuzzed = fc.Arbitrary<{ readonly pin: string; readonly at: number }>;

/** Pins that were changed a little, put together of pieces, or are any text at all. */
function fuzzed(good: string): Fuzzed {
  const place = fc.nat(good.length - 1);
  const symbol = fc.constantFrom(..."ABCDEFabcdef0123456789-_.~%=;, ");
  const pin = fc.oneof(
    fc.tuple(place, symbol).map(([at, one]) => good.slice(0, at) + one + good.slice(at + 1)),
    fc.tuple(place, symbol).map(([at, one]) => good.slice(0, at) + one + good.slice(at)),
    fc.tuple(place, place).map(([from, to]) => good.slice(0, from) + good.slice(to)),
    fc
      .array(fc.constantFrom(...good.split("."), "r1", "__proto__", ""), { maxLength: 6 })
      .map((parts) => parts.join(".")),
    fc.string({ unit: "grapheme", maxLength: 200 }),
  );
  return fc.record({ pin, at: fc.nat(3) });
}

/** The facts of a request that carries a pin in one of four places. */
function factsOf(pin: string, at: number) {
  const names = ["revision-pin", "cookie", "", "x-release"];
  const value = at === 1 ? `__Host-revision-pin=${pin}` : pin;
  return {
    method: "GET",
    target: at === 2 ? `/search?revision-pin=${encodeURIComponent(pin)}` : "/search",
    header: (name: string) => (name === names[at] ? [value] : []),
    body: () => ({ outcome: "consumed" as const }),
    request: undefined,
  };
}

describe("nothing but what is configured is connected to", () => {
  /** The ports that this process connects to while the test lasts. */
  function watchPorts(): Set<number> {
    const ports = new Set<number>();
    const note = (message: unknown) => {
      const { socket } = message as { readonly socket: Socket };
      socket.once("connect", () => ports.add(socket.remotePort ?? 0));
      socket.once("connectionAttempt", (_: string, port: number) => ports.add(port));
    };
    subscribe("net.client.socket", note);
    ends.push(() => unsubscribe("net.client.socket", note));
    return ports;
  }

  async function trap(): Promise<{ readonly port: number; readonly url: string }> {
    const { url, close } = await listen(createServer((_, response) => response.end("caught")));
    ends.push(close);
    return { url, port: Number(new URL(url).port) };
  }

  /** What somebody who can write to the registry would have announced of r1. */
  async function poison(registry: RevisionRegistry, address: string): Promise<void> {
    const writing: RevisionRegistry = {
      ...registry,
      write: (service, id, text, keepMs) =>
        registry.write(
          service,
          id,
          text.replace(/"address":"[^"]*"/, JSON.stringify({ address }).slice(1, -1)),
          keepMs,
        ),
    };
    const keys = createPinKeys({ service: "search", keys: [{ id: "x", secret: new Uint8Array(32) }] });
    const rules = revisions({ registry: writing, keys, address: "http://127.0.0.1:1", heartbeatMs: 60_000 });
    const once = createOnceover({
      service: "search",
      revision: "r1",
      store: memoryStore(),
      scope: SHARED_SCOPE,
      pins: pins({ writes: { indexHash: "r1" }, revisions: rules }),
    });
    const announced = await once.pins.announce();
    ends.push(() => announced.stop());
  }

  it.each<[string, (trap: string) => string]>([
    ["another port", (url) => url],
    ["another host", (url) => url.replace("127.0.0.1", "localhost")],
    ["the metadata service", () => "http://169.254.169.254"],
    ["a user in front of the host", (url) => url.replace("http://", "http://127.0.0.1:80@")],
    ["a path", (url) => `${url}/../..`],
    ["another scheme", () => "file:///etc/passwd"],
  ])("an address in the registry that is %s is not used", async (_, spell) => {
    const { url } = await trap();
    const registry = memoryRegistry();
    await poison(registry, spell(url));
    const next = await start(memoryFleet(registry), "r2", { addresses: ["http://127.0.0.1:8080"] });
    const ports = watchPorts();
    const response = await fetch(`${next.url}/search`, { headers: { "Index-Hash": "r1" } });
    expect(await response.json()).toMatchObject({ code: "revision-unreachable", executed: false });
    expect(response.status).toBe(503);
    expect([...ports]).toEqual([next.port]);
  });

  it.each<[string, (trap: { readonly port: number; readonly url: string }) => { target?: string; lines?: string[] }]>([
    ["a target that is a whole URL", ({ url }) => ({ target: `${url}/search` })],
    ["a target that begins with two slashes", ({ port }) => ({ target: `//127.0.0.1:${port}/search` })],
    ["a target with a user", ({ port }) => ({ target: `/@127.0.0.1:${port}/search` })],
    ["a target with backslashes", ({ port }) => ({ target: `/\\\\127.0.0.1:${port}/search` })],
    [
      "X-Forwarded-Host",
      ({ port }) => ({ lines: [`X-Forwarded-Host: 127.0.0.1:${port}`, "X-Forwarded-Proto: https"] }),
    ],
    ["Forwarded", ({ port }) => ({ lines: [`Forwarded: host=127.0.0.1:${port}`] })],
  ])("%s leads nowhere else", async (_, tricks) => {
    const { old, next, good } = await pair();
    const caught = await trap();
    const ports = watchPorts();
    const { target = "/search", lines = [] } = tricks(caught);
    await raw(next.port, target, [...lines, `Revision-Pin: ${good}`]);
    expect([...ports].filter((port) => port !== next.port && port !== old.port)).toEqual([]);
  });

  it("a redirect that the other revision answers is passed on, and not followed", async () => {
    const caught = await trap();
    const registry = memoryRegistry();
    const moving = createServer((_, response) => response.writeHead(302, { Location: caught.url }).end());
    const { url, close } = await listen(moving);
    ends.push(close);
    await poison(registry, url);
    const next = await start(memoryFleet(registry), "r2");
    const ports = watchPorts();
    const response = await fetch(`${next.url}/search`, { headers: { "Index-Hash": "r1" }, redirect: "manual" });
    expect([response.status, response.headers.get("location")]).toEqual([302, caught.url]);
    expect(ports.has(caught.port)).toBe(false);
  });
});
