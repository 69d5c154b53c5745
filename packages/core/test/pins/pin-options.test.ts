import { describe, expect, it } from "vitest";
import * as z from "zod";
import { memoryStore } from "../../src/memory-store.js";
import { createOnceover } from "../../src/onceover.js";
import type { MountOptions, OnceoverOptions } from "../../src/options.js";
import { pins } from "../../src/pins/attach.js";
import { type PinOptions, pinSettings } from "../../src/pins/pin-settings.js";
import { SHARED_SCOPE } from "../../src/scope.js";

const NAMES =
  "writes, accepts, read, refreshMs, maxAgeMs, readTimeoutMs, onUnreadable, required, prefix, schema, revisions";
const DELAY = "must be a whole number of milliseconds, or 0";
const TAG = "must be 1 to 255 visible characters without quotes, commas and spaces";
const REV = "must be a whole number from 0 to 999999999999999";
const REQUIRED = "must be true, false or a list of the names of pins";
const PREFIX = "must be visible ASCII that does not end in a digit";
const NAMED = "a pin must be named like corpusRev, and like no header there is, got";

const given = (options: unknown) => () => pins(options as PinOptions);

describe("pins()", () => {
  it.each([
    ["writes", 12, "writes must be an object of pins, got 12"],
    ["writes", null, "writes must be an object of pins, got null"],
    ["writes", [12], "writes must be an object of pins, got a list"],
    ["writes", { schemaRev: "12" }, `writes.schemaRev ${REV}, got "12"`],
    ["writes", { schemaRev: -1 }, `writes.schemaRev ${REV}, got -1`],
    ["writes", { schemaRev: 1.5 }, `writes.schemaRev ${REV}, got 1.5`],
    ["writes", { schemaRev: null }, `writes.schemaRev ${REV}, got null`],
    // Sixteen digits no request can ask for.
    ["writes", { schemaRev: 1_000_000_000_000_000 }, `writes.schemaRev ${REV}, got 1000000000000000`],
    ["writes", { indexHash: "" }, `writes.indexHash ${TAG}, got ""`],
    ["writes", { indexHash: "a b" }, `writes.indexHash ${TAG}, got "a b"`],
    ["writes", { indexHash: {} }, `writes.indexHash ${TAG}, got an object`],
    ["writes", { modelTag: "a,b" }, `writes.modelTag ${TAG}, got "a,b"`],
    ["writes", { modelTag: "é" }, `writes.modelTag ${TAG}, got "é"`],
    ["writes", { corpus: "a" }, `${NAMED} "corpus"`],
    ["writes", { contentType: "a" }, `${NAMED} "contentType"`],
    ["writes", { "corpus-rev": "a" }, `${NAMED} "corpus-rev"`],
    ["writes", { corpusRev: "a" }, "schema must be given for pins of your own (corpusRev), got undefined"],
    ["accepts", "all", 'accepts must be an object of pins, got "all"'],
    ["accepts", { schemaRev: 11 }, "accepts.schemaRev must be a list, got 11"],
    ["accepts", { schemaRev: ["11"] }, `accepts.schemaRev ${REV}, got "11"`],
    ["accepts", { indexHash: ["a", ""] }, `accepts.indexHash ${TAG}, got ""`],
    ["accepts", { layoutRev: ["a"] }, "schema must be given for pins of your own (layoutRev), got undefined"],
    ["read", "SELECT 1", 'read must be a function, got "SELECT 1"'],
    ["refreshMs", -1, `refreshMs ${DELAY}, got -1`],
    ["refreshMs", 0.5, `refreshMs ${DELAY}, got 0.5`],
    ["refreshMs", "2s", `refreshMs ${DELAY}, got "2s"`],
    ["refreshMs", Number.POSITIVE_INFINITY, `refreshMs ${DELAY}, got Infinity`],
    ["maxAgeMs", Number.NaN, `maxAgeMs ${DELAY}, got NaN`],
    ["maxAgeMs", 1999, "maxAgeMs must be at least refreshMs (2000), got 1999"],
    ["readTimeoutMs", 0, "readTimeoutMs must be a positive whole number of milliseconds, got 0"],
    ["readTimeoutMs", -5, "readTimeoutMs must be a positive whole number of milliseconds, got -5"],
    ["onUnreadable", "serve", 'onUnreadable must be "refuse" or "trust-writes", got "serve"'],
    ["onUnreadable", false, 'onUnreadable must be "refuse" or "trust-writes", got false'],
    ["required", "all", `required ${REQUIRED}, got "all"`],
    ["required", [1], `required ${REQUIRED}, got a list`],
    ["required", ["schemaRev"], 'required must name pins that this service writes or accepts (none), got "schemaRev"'],
    ["prefix", 5, `prefix ${PREFIX}, got 5`],
    ["prefix", "sc1", `prefix ${PREFIX}, got "sc1"`],
    ["prefix", "sc ", `prefix ${PREFIX}, got "sc "`],
    ["schema", {}, "schema must be a Standard Schema, such as a zod object, got an object"],
    ["schema", null, "schema must be a Standard Schema, such as a zod object, got null"],
    ["schema", () => true, "schema must be a Standard Schema, such as a zod object, got a function"],
    ["revisions", {}, "revisions must be made by revisions(), got an object"],
    ["revisions", () => {}, "revisions must be made by revisions(), got a function"],
    ["acepts", {}, `pins has no option acepts; it has ${NAMES}`],
    ["constructor", {}, `pins has no option constructor; it has ${NAMES}`],
  ])("refuses %s: %o", (option, wrong, message) => {
    expect(given({ [option]: wrong })).toThrow(new TypeError(message));
  });

  it("names what may be required", () => {
    expect(given({ writes: { schemaRev: 1 }, accepts: { indexHash: ["a"] }, required: ["modelTag"] })).toThrow(
      new TypeError(
        'required must name pins that this service writes or accepts (schemaRev, indexHash), got "modelTag"',
      ),
    );
  });

  it.each([undefined, null, 5, "off"])("refuses %j for its options", (options) => {
    expect(given(options)).toThrow(
      new TypeError(`pins must be given an object of options, got ${JSON.stringify(options)}`),
    );
  });

  it("has the documented defaults, with each option left out or undefined", () => {
    const defaults = {
      names: [],
      ownNames: [],
      writes: {},
      accepts: {},
      read: undefined,
      times: { refreshMs: 2000, maxAgeMs: 6000, timeoutMs: 2000 },
      onUnreadable: "refuse",
      required: [],
      prefix: "",
      schema: undefined,
      revisions: undefined,
    };
    expect(pinSettings({})).toEqual(defaults);
    expect(pinSettings(Object.fromEntries(NAMES.split(", ").map((name) => [name, undefined])))).toEqual(defaults);
  });

  it("accepts what it writes, once, and has maxAgeMs follow refreshMs", () => {
    const settings = pinSettings({
      writes: { schemaRev: 12, indexHash: "B", modelTag: undefined },
      accepts: { schemaRev: [11, 12], modelTag: ["m"] },
      refreshMs: 0,
      required: true,
    });
    expect(settings.accepts).toEqual({ schemaRev: [11, 12], indexHash: ["B"], modelTag: ["m"] });
    expect(settings.required).toEqual(["schemaRev", "indexHash", "modelTag"]);
    expect(settings.times.maxAgeMs).toBe(0);
  });

  it("takes pins of the application's own where a schema makes them", () => {
    const schema = z.object({ corpusRev: z.coerce.number(), isWide: z.stringbool() });
    const writes = { corpusRev: 7, isWide: true };
    expect(pinSettings({ writes, schema } as object).ownNames).toEqual(["corpusRev", "isWide"]);
  });

  it("never changes the caller's objects, nor is changed by them afterwards", () => {
    const list = [11];
    const options = Object.freeze({ writes: Object.freeze({ schemaRev: 12 }), accepts: { schemaRev: list } });
    const settings = pinSettings(options);
    list.push(13);
    expect(settings.accepts).toEqual({ schemaRev: [11, 12] });
  });
});

describe("a mount's pins", () => {
  const once = createOnceover({
    service: "search",
    revision: "r2",
    store: memoryStore(),
    scope: SHARED_SCOPE,
    pins: pins({ writes: { schemaRev: 12 } }),
  });
  const mounted = (own: unknown) => () => once.mount({ pins: own } as MountOptions);

  it.each([
    [true, "pins must be false or { required }, got true"],
    [null, "pins must be false or { required }, got null"],
    ["off", 'pins must be false or { required }, got "off"'],
    [[], "pins must be false or { required }, got a list"],
    [5, "pins must be false or { required }, got 5"],
    [{ require: true }, "pins has no option require; it has required"],
    [{ required: 1 }, `pins.required ${REQUIRED}, got 1`],
    [
      { required: ["indexHash"] },
      'required must name pins that this service writes or accepts (schemaRev), got "indexHash"',
    ],
  ])("refuses %o", (own, message) => {
    expect(mounted(own)).toThrow(new TypeError(message));
  });

  it.each([undefined, false, {}, { required: undefined }, { required: true }, { required: ["schemaRev"] }])(
    "may be %o",
    (own) => {
      expect(mounted(own)()).toHaveProperty("attempt");
    },
  );

  it("are refused by an instance that has no pins", () => {
    const plain = createOnceover({ service: "a", revision: "r", store: memoryStore(), scope: SHARED_SCOPE });
    expect(() => plain.mount({ pins: false })).toThrow(/^onceover has no option pins; it has required, /);
  });

  it("that are false leave everything to the rest: nothing is parsed, and nothing is said", async () => {
    const mount = once.mount({ pins: false });
    const header = (name: string) => (name === "schema-rev" ? ["junk"] : []);
    const facts = { method: "GET", target: "/", header, body: () => ({ outcome: "consumed" as const }), request: {} };
    expect(await mount.attempt(facts)).toEqual({ action: "pass" });
  });
});

describe("createOnceover()", () => {
  it("refuses pins that pins() has not made", () => {
    const options = { service: "a", revision: "r", store: memoryStore(), scope: SHARED_SCOPE };
    expect(() => createOnceover({ ...options, pins: {} } as unknown as OnceoverOptions)).toThrow(
      new TypeError("pins must be made by pins(), got an object"),
    );
  });
});
