import { describe, expect, it } from "vitest";
import { memoryStore } from "../../src/memory-store.js";
import { createOnceover } from "../../src/onceover.js";
import { pins } from "../../src/pins/attach.js";
import { revisions } from "../../src/revisions/create-revisions.js";
import { memoryRegistry } from "../../src/revisions/memory-registry.js";
import type { RevisionsOptions } from "../../src/revisions/revisions-options.js";
import { SHARED_SCOPE } from "../../src/scope.js";
import { FORWARDER, KEYS } from "../pins/service.js";

const NAMES =
  "registry, instance, address, publicAddress, release, canary, heartbeatMs, announceOnRequest, route, forwarder, addresses, keys, " +
  "givePins, cookie, pinLifetime, livesUntil, override, deploymentId";
const ID = "must be 1 to 60 of [0-9A-Za-z._-]";
const ORIGIN = "must be an origin such as http://10.0.3.7:8080";
const LIST = "must be a list of origins, or a function";
const VISIBLE = "must be 1 to 128 visible characters of ASCII";
const BEAT = "must be a positive whole number of milliseconds";
const LIFETIME = 'must be a duration above 0 and at most "24h"';

const given = (options: unknown) => () => revisions(options as RevisionsOptions);
const withRegistry = (over: object) => given({ registry: memoryRegistry(), ...over });

describe("revisions()", () => {
  it.each([
    ["registry", undefined, "registry must be a registry, such as memoryRegistry(), got undefined"],
    ["registry", {}, "registry must be a registry, such as memoryRegistry(), got an object"],
    ["registry", memoryStore(), "registry must be a registry, such as memoryRegistry(), got an object"],
    ["instance", "", `instance ${ID}, got ""`],
    ["instance", "a/b", `instance ${ID}, got "a/b"`],
    ["instance", "a".repeat(61), `instance ${ID}, got "${"a".repeat(61)}"`],
    ["address", "10.0.3.7:8080", `address ${ORIGIN}, got "10.0.3.7:8080"`],
    ["address", "http://10.0.3.7:8080/a", `address ${ORIGIN}, got "http://10.0.3.7:8080/a"`],
    ["address", "http://u@a:8080", `address ${ORIGIN}, got "http://u@a:8080"`],
    ["address", "http://a:80", `address ${ORIGIN}, got "http://a:80"`],
    ["address", "ftp://a", `address ${ORIGIN}, got "ftp://a"`],
    ["address", new URL("http://a"), `address ${ORIGIN}, got an object`],
    ["publicAddress", "https://", `publicAddress ${ORIGIN}, got "https://"`],
    ["publicAddress", null, `publicAddress ${ORIGIN}, got null`],
    ["release", "", `release ${VISIBLE}, got ""`],
    ["release", "rel 7", `release ${VISIBLE}, got "rel 7"`],
    ["release", 7, `release ${VISIBLE}, got 7`],
    ["canary", "true", 'canary must be true or false, got "true"'],
    ["heartbeatMs", 0, `heartbeatMs ${BEAT}, got 0`],
    ["heartbeatMs", 1.5, `heartbeatMs ${BEAT}, got 1.5`],
    ["heartbeatMs", "5s", `heartbeatMs ${BEAT}, got "5s"`],
    ["announceOnRequest", 1, "announceOnRequest must be true or false, got 1"],
    ["route", "proxy", 'route must be "forward", "redirect" or "misdirect", got "proxy"'],
    ["route", "forward", 'forwarder must be given with route: "forward", got undefined'],
    ["route", "redirect", "addresses must name the origins that requests may be sent to, got undefined"],
    ["forwarder", {}, "forwarder must be a forwarder, such as fetchForward(), got an object"],
    ["forwarder", () => {}, "forwarder must be a forwarder, such as fetchForward(), got a function"],
    ["forwarder", FORWARDER, "addresses must name the origins that requests may be sent to, got undefined"],
    ["addresses", "http://a", `addresses ${LIST}, got "http://a"`],
    ["addresses", ["a"], `addresses ${LIST}, got a list`],
    ["addresses", ["http://a/b"], `addresses ${LIST}, got a list`],
    ["addresses", ["*"], `addresses ${LIST}, got a list`],
    ["addresses", ["http://*"], `addresses ${LIST}, got a list`],
    ["addresses", ["http://*:8080"], `addresses ${LIST}, got a list`],
    ["addresses", ["http://*."], `addresses ${LIST}, got a list`],
    ["addresses", ["http://a.*.internal"], `addresses ${LIST}, got a list`],
    ["addresses", ["http://*.*.internal"], `addresses ${LIST}, got a list`],
    ["keys", {}, "keys must be made by createPinKeys(), got an object"],
    ["keys", "secret", 'keys must be made by createPinKeys(), got "secret"'],
    ["givePins", "some", 'givePins must be "streams", "all" or "none", got "some"'],
    ["givePins", "streams", "keys must be given with givePins, got undefined"],
    ["givePins", "all", "keys must be given with givePins, got undefined"],
    ["cookie", "yes", 'cookie must be true or false, got "yes"'],
    ["pinLifetime", 0, `pinLifetime ${LIFETIME}, got 0`],
    ["pinLifetime", "25h", `pinLifetime ${LIFETIME}, got "25h"`],
    ["pinLifetime", "soon", `pinLifetime ${LIFETIME}, got "soon"`],
    ["livesUntil", Date.now, "livesUntil must be a valid Date, got a function"],
    ["livesUntil", new Date(Number.NaN), "livesUntil must be a valid Date, got an object"],
    ["override", true, 'override must be "open", "signed" or a function, got true'],
    ["override", "signed", "keys must be given with override, got undefined"],
    ["deploymentId", "r1", 'deploymentId must be true or false, got "r1"'],
    ["adress", "http://a", `revisions has no option adress; it has ${NAMES}`],
  ])("refuses %s: %o", (option, wrong, message) => {
    expect(withRegistry({ [option]: wrong })).toThrow(new TypeError(message));
  });

  it.each([undefined, null, 5, "off"])("refuses %j for its options", (options) => {
    expect(given(options)).toThrow(
      new TypeError(`revisions must be given an object of options, got ${JSON.stringify(options)}`),
    );
  });

  it.each([
    {},
    Object.fromEntries(
      NAMES.split(", ")
        .filter((name) => name !== "registry")
        .map((name) => [name, undefined]),
    ),
    { forwarder: FORWARDER, addresses: [] },
    { addresses: ["http://10.0.3.7:8080", "https://*.search.internal", "http://[::1]:8080", "HTTP://A/"] },
    { forwarder: { node: () => Promise.resolve() }, addresses: () => true },
    { route: "redirect", addresses: ["https://a"] },
    { givePins: "none" },
    { keys: KEYS, override: "signed", pinLifetime: "24h", livesUntil: new Date(0) },
  ])("takes %o", (over) => {
    expect(withRegistry(over)()).toHaveProperty("attach");
  });

  const instance = (side: ReturnType<typeof revisions>, revision = "r2") =>
    createOnceover({
      service: "search",
      revision,
      store: memoryStore(),
      scope: SHARED_SCOPE,
      pins: pins({ revisions: side }),
    });

  it("is for one instance", () => {
    const side = withRegistry({})();
    instance(side);
    expect(() => instance(side)).toThrow(
      new TypeError("revisions() was given to an instance already; make one for each"),
    );
  });

  it.each(["r 2", "feature/x", "r".repeat(61)])("refuses the revision %j, which no registry could keep", (revision) => {
    const side = withRegistry({})();
    const message = `revision must be 1 to 60 of [0-9A-Za-z._-] with revisions, got "${revision}"`;
    expect(() => instance(side, revision)).toThrow(new TypeError(message));
    // It is still there for one that is named well.
    expect(instance(side)).toHaveProperty("pins");
  });
});
