import { EdgeVM } from "@edge-runtime/vm";
import { describe, expect, it } from "vitest";
import { bundleSuites, suiteFiles } from "./runtimes/bundle.js";
import type { Outcome } from "./runtimes/run-suites.js";

/** Its arrays would be of the realm outside, equal to none that is made inside: no runtime does that. */
const OWN_ENCODER = `globalThis.TextEncoder = class extends TextEncoder {
  encode(text) {
    return new Uint8Array(super.encode(text));
  }
};`;

/** What has no meaning where nothing compresses. */
const COMPRESSES =
  "with Hono's own > compress() in front, first answer and replay are compressed for whoever asks for it";

const vm = new EdgeVM();
const files = suiteFiles();
vm.evaluate(OWN_ENCODER);
vm.evaluate(await bundleSuites(files));
const all = await vm.evaluate<Promise<Outcome[]>>("suites.run()");
const outcomes = all.filter(({ name }) => name !== COMPRESSES);

/** A place that has Web APIs and nothing else. */
describe.each(files)("in EdgeVM, %s", (file) => {
  for (const { name, failure } of outcomes.filter((outcome) => outcome.file === file)) {
    it(name, () => {
      if (failure !== undefined) throw new Error(failure);
    });
  }
});

it("every file has run in EdgeVM, and of its cases all but one, because nothing compresses there", () => {
  expect([...new Set(all.map(({ file }) => file))].sort()).toEqual([...files].sort());
  expect(all.length - outcomes.length).toBe(1);
  expect(vm.evaluate("typeof CompressionStream")).toBe("undefined");
});
