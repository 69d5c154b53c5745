import { describe, expect, it } from "vitest";
import { MAX_KEY_LENGTH, parseKey } from "../src/key.js";

const UUID = "8e03978e-40d5-43e8-bc93-6894a57f9324";
const NEITHER = "neither a quoted string nor a bare token";

describe("parseKey", () => {
  it("reads the bare, the quoted and the parametrised spelling as one key", () => {
    for (const line of ["k", '"k"', '"k";v=1', "k;v=1", 'k; v="a;b"', '"k";a;b=?0', ' "k" ']) {
      expect(parseKey([line]), line).toEqual({ outcome: "key", key: "k" });
    }
  });

  it.each([
    ["a bare UUID", UUID, UUID],
    ["a quoted UUID", `"${UUID}"`, UUID],
    ["a UUID with parameters", `${UUID};v=1`, UUID],
    ["a UUID of capitals as another key", UUID.toUpperCase(), UUID.toUpperCase()],
    ["an escaped quote", String.raw`"a\"b"`, 'a"b'],
    ["an escaped backslash", String.raw`"a\\b"`, String.raw`a\b`],
    ["a space between quotes", '"a b"', "a b"],
    ["a comma between quotes", '"a,b"', "a,b"],
    ["a semicolon between quotes", '"a;b"', "a;b"],
    ["digits, which are no integer", "42", "42"],
    ["digits with parameters", "42;v=1", "42"],
    ["a decimal", "1.5", "1.5"],
    ["what looks like a boolean", "?1", "?1"],
    ["what looks like a byte sequence", ":aGk=:", ":aGk=:"],
    ["what looks like an inner list of one", "(a)", "(a)"],
    ["base64 with its signs", "ab+/c==", "ab+/c=="],
    ["__proto__", "__proto__", "__proto__"],
  ])("reads %s", (_, line, key) => {
    expect(parseKey([line])).toEqual({ outcome: "key", key });
  });

  it.each([
    ["nothing", "", NEITHER],
    ["an empty text", '""', "empty"],
    ["an empty text with parameters", '"";v=1', "empty"],
    ["spaces", "   ", NEITHER],
    ["an unquoted comma", "a,b", NEITHER],
    ["two quoted keys in one line", '"a", "b"', NEITHER],
    ["a trailing comma", '"a",', NEITHER],
    ["an unquoted space", "a b", NEITHER],
    ["a tab between quotes", '"a\tb"', NEITHER],
    ["a bare tab", "a\tb", NEITHER],
    ["an unclosed quote", '"a', NEITHER],
    ["a quote within a bare key", 'a"b', NEITHER],
    ["something behind the quotes", '"a"b', NEITHER],
    ["an escape of another character", String.raw`"a\n"`, NEITHER],
    ["a bare backslash", String.raw`a\b`, NEITHER],
    ["a bad parameter", '"a";V=1', NEITHER],
    ["a bad parameter of a bare key", "a;", NEITHER],
    ["a parameter without a key", ";v=1", NEITHER],
    ["an inner list", "(a b)", NEITHER],
    ["an inner list with parameters", '("a");v=1', NEITHER],
    ["a display string", '%"gr%c3%bcn"', NEITHER],
    ["letters beyond ASCII", "schlüssel", NEITHER],
    ["quoted letters beyond ASCII", '"schlüssel"', NEITHER],
    ["a NUL", "a\0b", NEITHER],
    ["a line break", '"a\r\nb"', NEITHER],
    ["a DEL", "a\x7f", NEITHER],
  ])("refuses %s", (_, line, reason) => {
    expect(parseKey([line])).toEqual({ outcome: "invalid", reason });
  });

  it("takes 255 characters and refuses 256, bare, quoted and escaped", () => {
    expect(MAX_KEY_LENGTH).toBe(255);
    const longest = "k".repeat(255);
    const tooLong = { outcome: "invalid", reason: "longer than 255 characters" };
    expect(parseKey([longest])).toEqual({ outcome: "key", key: longest });
    expect(parseKey([`"${longest}"`])).toEqual({ outcome: "key", key: longest });
    expect(parseKey([`"${String.raw`\"`.repeat(255)}"`])).toEqual({ outcome: "key", key: '"'.repeat(255) });
    expect(parseKey([`${longest}k`])).toEqual(tooLong);
    expect(parseKey([`"${longest}k"`])).toEqual(tooLong);
    expect(parseKey(["k".repeat(16_384)])).toEqual(tooLong);
  });

  it("refuses two header lines, the same ones too, and finds none absent", () => {
    const reason = "more than one header line";
    expect(parseKey(["a", "b"])).toEqual({ outcome: "invalid", reason });
    expect(parseKey(["a", "a"])).toEqual({ outcome: "invalid", reason });
    expect(parseKey(["a", ""])).toEqual({ outcome: "invalid", reason });
    expect(parseKey([])).toEqual({ outcome: "absent" });
  });
});
