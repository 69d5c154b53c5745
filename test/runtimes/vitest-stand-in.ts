/** vitest for places that have no Node: its own runner and its own `expect`, without its process, files and reporters. */
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  customMatchers,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import { getCurrentTest } from "@vitest/runner";
import * as chai from "chai";

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } from "@vitest/runner";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = createExpect();

function createExpect() {
  const expecting = (value: unknown, message?: string) => {
    const assertion = chai.expect(value, message);
    const test = getCurrentTest();
    return test === undefined ? assertion : Reflect.get(assertion, "withTest").call(assertion, test);
  };
  const globals = globalThis as Record<PropertyKey, unknown>;
  Object.assign(expecting, chai.expect, globals[ASYMMETRIC_MATCHERS_OBJECT], customMatchers);
  Object.assign(expecting, { getState: () => ({}), setState() {} });
  globals[GLOBAL_EXPECT] = expecting;
  setState({ assertionCalls: 0 }, expecting as never);
  return expecting;
}

const POLL_MS = 10;

export const vi = {
  /** Calls until it throws no more, for at most `timeout` milliseconds. */
  async waitFor<T>(callback: () => T | Promise<T>, timeout = 1000): Promise<T> {
    for (let leftMs = timeout; ; leftMs -= POLL_MS) {
      try {
        return await callback();
      } catch (error) {
        if (leftMs <= 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  },
  spyOn(object: Record<string, unknown>, name: string) {
    return {
      mockImplementation(implementation: unknown) {
        object[name] = implementation;
      },
    };
  },
};
