import { expect, it } from "vitest";

it.each(["process", "Buffer", "require"])("there is no %s here", (name) => {
  expect(name in globalThis).toBe(false);
});
