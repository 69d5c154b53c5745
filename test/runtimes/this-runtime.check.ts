import { expect, it } from "vitest";

const { ONCEOVER_RUNTIME: expected = "node" } = process.env;

it(`the tests run in ${expected} itself, not in a Node it has started`, () => {
  const { bun, deno, node } = process.versions;
  const found = bun !== undefined ? "bun" : deno !== undefined ? "deno" : `node ${node.split(".")[0]}`;
  expect(found.startsWith(expected)).toBe(true);
});
