import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressRule, isOriginRule, originOf } from "../../src/revisions/addresses.js";

const ALLOWED = [
  "http://10.0.3.7:8080",
  "https://*.search.internal",
  "http://[fd00::7]:8080",
  "http://*.search.internal:8080",
];
const isAllowed = addressRule(ALLOWED);

describe("an address that was announced", () => {
  it.each([
    "http://10.0.3.7:8080",
    "http://10.0.3.7:8080/",
    "HTTP://10.0.3.7:8080",
    "https://a.search.internal",
    "https://A.Search.Internal",
    "https://a.b.search.internal/",
    "http://[fd00::7]:8080",
    "http://a.search.internal:8080",
  ])("%s is allowed", (address) => {
    expect(isAllowed(address, "r1")).toBe(true);
  });

  it.each([
    undefined,
    "",
    "10.0.3.7:8080",
    "//10.0.3.7:8080",
    // Another scheme, host or port.
    "https://10.0.3.7:8080",
    "http://10.0.3.7",
    "http://10.0.3.7:80",
    "http://10.0.3.7:08080",
    "http://10.0.3.8:8080",
    "http://10.0.3.7:8080.evil",
    "http://a.search.internal",
    "https://a.search.internal:444",
    "https://a.search.internal:443",
    "ws://10.0.3.7:8080",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "data:,",
    // What is not below the host of a wildcard.
    "https://search.internal",
    "https://.search.internal",
    "https://search.internal.evil",
    "https://a.search.internal.evil",
    "https://asearch.internal",
    "https://evil/a.search.internal",
    "https://a.search.internal.",
    // More than an origin.
    "http://10.0.3.7:8080/path",
    "http://10.0.3.7:8080?q",
    "http://10.0.3.7:8080?",
    "http://10.0.3.7:8080#",
    "http://10.0.3.7:8080//",
    "http://user@10.0.3.7:8080",
    "http://user:secret@10.0.3.7:8080",
    "http://10.0.3.7:8080@evil",
    "http://a.search.internal:8080@evil:8080",
    "https://evil\\@a.search.internal",
    "https://evil\\.search.internal",
    "http:\\\\10.0.3.7:8080",
    "http:/10.0.3.7:8080",
    "http:10.0.3.7:8080",
    "https://evil#.search.internal",
    "https://evil?.search.internal",
    // Spellings of a host that a parser makes into an allowed one.
    "http://0x0a.0.3.7:8080",
    "http://167773959:8080",
    "http://10.0.775:8080",
    "http://①⓪.0.3.7:8080",
    "http://10。0。3。7:8080",
    "http://10.0.3.7:8080\n",
    " http://10.0.3.7:8080",
    "http://10.0.3\t.7:8080",
    "https://a.search%2einternal",
    "https://ａ.search.internal",
    "https://ä.search.internal",
    "http://[fd00:0::7]:8080",
    "http://[fd00::7%25eth0]:8080",
    "http://[::ffff:10.0.3.7]:8080",
    // Nobody allowed these.
    "http://169.254.169.254",
    "http://127.0.0.1:8080",
    "http://localhost:8080",
    "http://[::1]:8080",
    "http://metadata.google.internal",
    "__proto__",
  ])("%s is not allowed", (address) => {
    expect(isAllowed(address, "r1")).toBe(false);
  });

  it("is allowed nowhere by an empty list", () => {
    expect(addressRule([])("http://10.0.3.7:8080", "r1")).toBe(false);
  });

  it("of a name in another script is one in the spelling in which it is sent", () => {
    const rule = addressRule(["http://xn--bcher-kva.example"]);
    expect(rule("http://xn--bcher-kva.example", "r1")).toBe(true);
    expect(rule("http://bücher.example", "r1")).toBe(false);
  });

  it("is judged by a function only where it is an origin", () => {
    const seen: string[] = [];
    const rule = addressRule((address, revision) => seen.push(`${address.origin} ${revision}`) > 0);
    expect([rule("http://A:8080/", "r1"), rule("http://a/b", "r1"), rule(undefined, "r1")]).toEqual([
      true,
      false,
      false,
    ]);
    expect(seen).toEqual(["http://a:8080 r1"]);
  });

  it("goes nowhere but to an allowed origin, whatever it is", () => {
    const piece = fc.constantFrom(
      ...[
        "http",
        "https",
        ":",
        "/",
        "//",
        "\\",
        "@",
        "?",
        "#",
        ".",
        "10.0.3.7",
        ":8080",
        "[fd00::7]",
        "search.internal",
      ],
      ...["a", "evil", "%2e", "*", " ", "\t", "\n", "\0", "。", "xn--", ":80", ":443", "user"],
    );
    const text = fc.oneof(
      fc.webUrl(),
      fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(text, (address) => {
        if (!isAllowed(address, "r1")) return;
        const { href, protocol, host } = new URL(address);
        expect(href).toBe(`${protocol}//${host}/`);
        const isExact = ["http://10.0.3.7:8080/", "http://[fd00::7]:8080/"].includes(href);
        const isBelow = /^(?:https:\/\/[^/:@]+\.search\.internal|http:\/\/[^/:@]+\.search\.internal:8080)\/$/.test(
          href,
        );
        expect(isExact || isBelow).toBe(true);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("what the configuration may name", () => {
  it.each(["http://a", "http://a/", "https://*.a.internal:8443", "http://*.internal", "http://[::1]:1", "HTTP://A"])(
    "may be %s",
    (text) => {
      expect(isOriginRule(text)).toBe(true);
      expect(() => addressRule([text])).not.toThrow();
    },
  );

  it.each([
    "",
    "*",
    "a",
    "http://*",
    "http://*.",
    "http://*..",
    "http://a*",
    "http://*.*.a",
    "http://a/b",
    "http://u@a",
    "ws://a",
  ])("may not be %j", (text) => {
    expect(isOriginRule(text)).toBe(false);
  });
});

describe("originOf()", () => {
  it("gives back what it was given, in lower case and without a last slash", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("http", "https"),
        fc.domain(),
        fc.integer({ min: 1024, max: 65_535 }),
        (scheme, host, port) => {
          const text = `${scheme}://${host}:${port}`;
          expect(originOf(`${text}/`)?.origin).toBe(text.toLowerCase());
        },
      ),
    );
  });
});
