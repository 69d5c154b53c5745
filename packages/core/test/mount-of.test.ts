import { describe, expect, it } from "vitest";
import { checkHandler, createOnceover, memoryStore, mountOf, type Onceover, SHARED_SCOPE } from "../src/index.js";

const once = createOnceover({ service: "payments", revision: "r1", store: memoryStore(), scope: SHARED_SCOPE });

describe("mountOf()", () => {
  it("makes a mount, and leaves its options to be checked by it", () => {
    expect(mountOf(once, { required: true }).attempt).toBeTypeOf("function");
    expect(() => mountOf(once, { required: 1 as never })).toThrow("required must be true or false, got 1");
  });

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [{ once }, "an object"],
    [() => once, "a function"],
  ])("names what it was given in place of an instance: %s", (wrong, shown) => {
    expect(() => mountOf(wrong as unknown as Onceover)).toThrow(
      new TypeError(`once must be made by createOnceover(), got ${shown}`),
    );
  });
});

describe("checkHandler()", () => {
  it("names what is no function", () => {
    expect(() => checkHandler("handler", undefined)).toThrow(
      new TypeError("handler must be a function, got undefined"),
    );
    checkHandler("handler", () => {});
  });
});

describe("an option that was given a function in place of what it makes", () => {
  it("is not shown with its source", () => {
    const options = { service: "payments", revision: "r1", store: memoryStore as never, scope: SHARED_SCOPE } as const;
    expect(() => createOnceover(options)).toThrow("store must be a store, such as memoryStore(), got a function");
  });
});
