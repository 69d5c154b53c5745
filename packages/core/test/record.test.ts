import { describe, expect, it } from "vitest";
import type { HeaderLine } from "../src/facts.js";
import { decodeRecord, encodeRecord, fitsRecord, isSafeHeader, type RunRecord } from "../src/record.js";
import { storeKey } from "../src/scope.js";
import type { Fingerprint } from "../src/store.js";
import { fakePlatform } from "./fake-platform.js";

const HEAD = {
  fingerprint: "req1:abc" as Fingerprint,
  revision: "r42",
  completedAtMs: 1_700_000_000_000,
  status: 201,
};
const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));

const ANSWER: RunRecord = {
  kind: "answer",
  ...HEAD,
  headers: [
    ["Content-Type", "text/plain"],
    ["X-Note", "grün"],
  ],
  chunks: [utf8("hi"), utf8("!\0")],
};
const GOLDEN_ANSWER = bytes(`
  01 00 00c9 4278bcfe56800000 0006 00000002 0000002c
  00000008 00000003 0000000c 0000000a 00000006 00000004
  00000002 00000002
  ${hex(utf8("req1:abcr42Content-Typetext/plainX-Notegrün"))}
  6869 2100`);

describe("the bytes of a record", () => {
  it("are golden for an answer", () => {
    expect(hex(encodeRecord(ANSWER))).toBe(
      "010000c94278bcfe568000000006000000020000002c00000008000000030000000c0000000a00000006000000040000000200000002" +
        "726571313a616263723432436f6e74656e742d54797065746578742f706c61696e582d4e6f74656772c3bc6e68692100",
    );
    expect(hex(GOLDEN_ANSWER)).toBe(hex(encodeRecord(ANSWER)));
    expect(decodeRecord(GOLDEN_ANSWER)).toEqual({ outcome: "record", record: ANSWER });
  });

  it.each([
    ["too-large", "010100c94278bcfe568000000002000000000000000b0000000800000003726571313a616263723432"],
    ["cut", "010200c94278bcfe568000000002000000000000000b0000000800000003726571313a616263723432"],
    ["unrecordable", "010300c94278bcfe568000000002000000000000000b0000000800000003726571313a616263723432"],
  ] as const)("are golden for the tombstone %s", (kind, golden) => {
    const record: RunRecord = { kind, ...HEAD };
    expect(hex(encodeRecord(record))).toBe(golden);
    expect(decodeRecord(bytes(golden))).toEqual({ outcome: "record", record });
  });

  it("are never written again, whatever is encoded after them", () => {
    const sizes = [0, 1, 300, 20_000, 65_535, 70_000, 200, 65_000, 1_000_000, 50];
    const encoded = Array.from({ length: 100 }, (_, at) => {
      const chunk = new Uint8Array(sizes[at % sizes.length] ?? 0).fill(at);
      const record = encodeRecord({ ...ANSWER, revision: "€".repeat(at), chunks: [chunk] });
      return { record, first: record.slice() };
    });
    for (const { record, first } of encoded) expect(Buffer.compare(record, first)).toBe(0);
  });

  it("are read wherever they lie in a larger buffer", () => {
    const page = new Uint8Array(GOLDEN_ANSWER.length + 20);
    page.set(GOLDEN_ANSWER, 7);
    expect(decodeRecord(page.subarray(7, 7 + GOLDEN_ANSWER.length))).toEqual({ outcome: "record", record: ANSWER });
  });
});

const ODD_FIELDS = "010000c94278bcfe56800000 0003 00000000 00000003 00000001 00000001 00000001 616263";

describe("decodeRecord", () => {
  const patched = (at: number, ...values: number[]) => {
    const copy = GOLDEN_ANSWER.slice();
    copy.set(values, at);
    return copy;
  };

  it.each([
    ["no bytes", new Uint8Array(0)],
    ["version 0", patched(0, 0)],
    ["version 2", patched(0, 2)],
    ["version 2 of another layout", new Uint8Array([2])],
    ["half a head", GOLDEN_ANSWER.slice(0, 21)],
    ["half the texts", GOLDEN_ANSWER.slice(0, 80)],
    ["half the body", GOLDEN_ANSWER.slice(0, -1)],
    ["a byte too many", new Uint8Array([...GOLDEN_ANSWER, 0])],
    ["a kind that does not exist", patched(1, 4)],
    ["status 99", patched(2, 0, 99)],
    ["status 1000", patched(2, 3, 232)],
    ["a time that is not a number", patched(4, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0)],
    ["2^32 - 1 chunks", patched(14, 255, 255, 255, 255)],
    ["a text longer than all of them", patched(22, 255, 255, 255, 255)],
    ["a broken UTF-8 sequence", patched(54, 0xff)],
    ["a line break in a header value", patched(GOLDEN_ANSWER.length - 5, 0x0a)],
    ["an odd number of header fields", bytes(ODD_FIELDS)],
    ["no texts", bytes("010000c94278bcfe56800000 0000 00000000 00000000")],
    ["a tombstone with a header", patched(1, 1)],
  ])("calls %s unreadable", (_, given) => {
    expect(decodeRecord(given)).toEqual({ outcome: "unreadable" });
  });
});

describe("isSafeHeader", () => {
  it.each<HeaderLine>([
    ["Content-Type", "text/plain; charset=utf-8"],
    ["x!#$%&'*+-.^_`|~9", ""],
    ["X-Tab", "a\tb"],
    ["X-Latin", "grün"],
    ["__proto__", "constructor"],
  ])("lets %j: %j be sent again", (...line) => {
    expect(isSafeHeader(line)).toBe(true);
  });

  it.each<HeaderLine>([
    ["", "a"],
    ["X Y", "a"],
    ["X:", "a"],
    ["X\r\nSet-Cookie", "a"],
    ["Grün", "a"],
    ["X", "a\rb"],
    ["X", "a\nb"],
    ["X", "a\0b"],
    ["X", "a\x7fb"],
    ["X", "\x1b[31m"],
  ])("refuses %j: %j", (...line) => {
    expect(isSafeHeader(line)).toBe(false);
  });
});

describe("fitsRecord", () => {
  it("takes as many header lines as a record can count, and not one more", () => {
    const lines = (count: number) => Array.from({ length: count }, (_, i): HeaderLine => ["X-Line", String(i)]);
    expect(fitsRecord(lines(32_766))).toBe(true);
    expect(fitsRecord(lines(32_767))).toBe(false);
    const record: RunRecord = { kind: "answer", ...HEAD, headers: lines(32_766), chunks: [] };
    expect(decodeRecord(encodeRecord(record))).toEqual({ outcome: "record", record });
  });
});

describe("the store key", () => {
  const { sha256 } = fakePlatform();

  it("is golden: a record that was made by one release is found by the next", () => {
    expect(storeKey(sha256, "payments", ["acme", "alice"], "k-1")).toBe("daeDCr9_5MM7TkIIT8w35BWERyMy2JABeN-artG50Hk");
    expect(storeKey(sha256, "payments", [], "k-1")).toBe("YyfXqlP2IF3MeOHo2JsPr3gq79q8iTZ8ylkT2HcCKFw");
  });

  it("differs wherever one part spills into the next", () => {
    const keys = [
      storeKey(sha256, "a", ["b"], "c"),
      storeKey(sha256, "ab", [], "c"),
      storeKey(sha256, "a", ["b", "c"], ""),
      storeKey(sha256, "a", ["bc"], ""),
      storeKey(sha256, "a", [], "bc"),
      storeKey(sha256, "", ["ab"], "c"),
      storeKey(sha256, "a", ["1:b"], "c"),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});
