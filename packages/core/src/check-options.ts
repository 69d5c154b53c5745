import { show } from "./show.js";

/** What an option's value must be: the test, and the same in words. */
export type Rule = readonly [holds: (value: unknown) => boolean, words: string];

/** The rules of several options, by name. */
export type Rules = Readonly<Record<string, Rule>>;

/** Whether a value can be called. */
export const isFunction = (value: unknown): boolean => typeof value === "function";

/** The rule of an option that is called. */
export const FUNCTION: Rule = [isFunction, "must be a function"];

/** The rule of an option that counts something. */
export function positive(unit: string): Rule {
  return [(value) => Number.isSafeInteger(value) && Number(value) > 0, `must be a positive whole number of ${unit}`];
}

/**
 * Looks at each option once; `undefined` counts as not given.
 * @throws {TypeError} that names the option, its rule and the value.
 */
export function check(
  what: string,
  rules: Rules,
  options: unknown,
  required: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${what} must be given an object of options, got ${show(options)}`);
  }
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const name of [...required, ...Object.keys(given)]) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined)
      throw new TypeError(`${what} has no option ${name}; it has ${Object.keys(rules).join(", ")}`);
    const [holds, words] = rule;
    const isMissing = given[name] === undefined && !required.includes(name);
    if (!isMissing && !holds(given[name])) throw new TypeError(`${name} ${words}, got ${show(given[name])}`);
  }
  return given;
}
