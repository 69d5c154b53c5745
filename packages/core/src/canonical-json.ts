import canonicalize from "canonicalize";

/** Deeper values are left to the slow way, which ends at the stack's end. */
const MAX_DEPTH = 64;

const MAX_NAMES_IN_PLACE = 24;

/** Names that an object does not keep in the order in which they are given to it, and the one that is no member. */
const UNORDERED = /^(\d|__proto__$)/;

/**
 * The canonical text of a value (RFC 8785); `undefined` for one that JSON has no word for.
 *
 * What a JSON parser makes is copied with its names in order, for the engine to write: that takes half the time and a tenth of
 * the memory of writing it piece by piece. Anything else, such as dates and instances of classes, is left to
 * `canonicalize`. Where both can, they write the same.
 */
export function canonicalJson(value: unknown): string | undefined {
  const copy = inOrder(value, MAX_DEPTH);
  return copy === undefined ? canonicalize(value) : JSON.stringify(copy);
}

/** `undefined` where the value is, or holds, anything but what a JSON parser makes. */
function inOrder(value: unknown, depthLeft: number): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : undefined;
    case "object":
      if (value === null) return null;
      if (depthLeft === 0) return undefined;
      return Array.isArray(value) ? listInOrder(value, depthLeft) : membersInOrder(value, depthLeft);
    default:
      return undefined;
  }
}

function listInOrder(list: readonly unknown[], depthLeft: number): unknown[] | undefined {
  const copy: unknown[] = [];
  for (let at = 0; at < list.length; at++) {
    const item = inOrder(list[at], depthLeft - 1);
    if (item === undefined) return undefined;
    copy.push(item);
  }
  return copy;
}

function membersInOrder(object: object, depthLeft: number): object | undefined {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const members = object as Readonly<Record<string, unknown>>;
  const copy: Record<string, unknown> = {};
  for (const name of sorted(Object.keys(members))) {
    const value = inOrder(members[name], depthLeft - 1);
    if (value === undefined || UNORDERED.test(name)) return undefined;
    copy[name] = value;
  }
  return copy;
}

/** Few names are put in order where they are, since `sort` makes several lists for it; many would take too long that way. */
function sorted(names: string[]): readonly string[] {
  if (names.length > MAX_NAMES_IN_PLACE) return names.sort();
  for (let at = 1; at < names.length; at++) {
    const name = names[at] ?? "";
    let to = at;
    for (let before = names[to - 1]; before !== undefined && before > name; before = names[to - 1])
      names[to--] = before;
    names[to] = name;
  }
  return names;
}
