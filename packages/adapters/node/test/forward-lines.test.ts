import type { IncomingMessage } from "node:http";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerLines, requestLines, trailerFields } from "../src/passed-lines.js";

const TOKEN = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
const KNOWN = fc.constantFrom(
  ...[
    "Connection",
    "Host",
    "Content-Length",
    "Content-Type",
    "Via",
    "Cookie",
    "Set-Cookie",
    "Authorization",
    "X-A",
    "x-a",
  ],
  ...["Keep-Alive", "TE", "Trailer", "Upgrade", "Proxy-Connection", "proxy-x", "Transfer-Encoding", "HTTP2-Settings"],
  ...[
    "Forwarded",
    "X-Forwarded-For",
    "x-forwarded-host",
    "X-FORWARDED-PROTO",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "Expect",
  ],
);
const VALUE = fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?$/);
const LINE = fc
  .tuple(
    fc.oneof(TOKEN, KNOWN),
    fc.oneof(
      VALUE,
      fc.array(KNOWN, { minLength: 1, maxLength: 4 }).map((names) => names.join(", ")),
    ),
  )
  .map(([name, value]) => [name, value] as const);
const LINES = fc.array(LINE, { maxLength: 20 });

/** What never goes on, whoever says what. */
const OF_THE_CONNECTION = /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|http2-settings|proxy-.*)$/i;
const SAID_ANEW = /^(?:expect|forwarded|host|x-forwarded-.*)$/i;
/** What goes on, whoever names it in Connection. */
const KEPT = /^(?:authorization|content-.*|cookie|via)$/i;

type Lines = readonly (readonly [string, string])[];

function requestOf(lines: Lines): IncomingMessage {
  const connection = lines.filter(([name]) => /^connection$/i.test(name)).map(([, value]) => value);
  return {
    httpVersionMajor: 1,
    rawHeaders: lines.flat(),
    headers: connection.length === 0 ? {} : { connection: connection.join(", ") },
    socket: { remoteAddress: "::1", localPort: 8080 },
  } as unknown as IncomingMessage;
}

function passed(lines: Lines, headers: Lines = []): Lines {
  const flat = requestLines(requestOf(lines), "shop.example", { revision: "r2", address: "http://a", headers });
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? "", flat[2 * at + 1] ?? ""]);
}

/** What Connection names, in small letters. */
function namedBy(lines: Lines): Set<string> {
  const values = lines.filter(([name]) => /^connection$/i.test(name)).map(([, value]) => value);
  return new Set(values.flatMap((value) => value.split(",")).map((name) => name.trim().toLowerCase()));
}

describe("the lines of a request that is passed on", () => {
  it("are those that came, as they came and in their order, but what is the connection's and what is said anew", () => {
    fc.assert(
      fc.property(LINES, (lines) => {
        const named = namedBy(lines);
        const goes = ([name]: readonly [string, string]) =>
          !OF_THE_CONNECTION.test(name) &&
          !SAID_ANEW.test(name) &&
          (KEPT.test(name) ||
            /^(?:set-cookie|cache-control|idempotency-key)$/i.test(name) ||
            !named.has(name.toLowerCase()));
        expect(passed(lines).filter(([name]) => !SAID_ANEW.test(name))).toEqual(lines.filter(goes));
      }),
    );
  });

  it("say once who asks and for which host, by what is known here alone", () => {
    fc.assert(
      fc.property(LINES, (lines) => {
        expect(passed(lines).filter(([name]) => SAID_ANEW.test(name))).toEqual([
          ["Host", "shop.example"],
          ["Forwarded", 'for="[::1]";host="shop.example";proto=http'],
          ["X-Forwarded-For", "::1"],
          ["X-Forwarded-Proto", "http"],
          ["X-Forwarded-Host", "shop.example"],
          ["X-Forwarded-Port", "8080"],
        ]);
      }),
    );
  });

  it("have the target's at their end, and no others of these names", () => {
    fc.assert(
      fc.property(LINES, fc.array(fc.tuple(TOKEN, VALUE), { minLength: 1, maxLength: 4 }), (lines, ours) => {
        const got = passed(lines, ours);
        const names = new Set(ours.map(([name]) => name.toLowerCase()));
        expect(got.slice(-ours.length)).toEqual(ours);
        expect(got.filter(([name]) => names.has(name.toLowerCase()))).toEqual(ours);
      }),
    );
  });
});

describe("the lines of an answer that is passed on", () => {
  it("are those that came, as they came and in their order, but what is the connection's", () => {
    fc.assert(
      fc.property(LINES, (lines) => {
        const { lines: got, endsBy } = answerLines(lines.flat());
        expect(got.filter(([name]) => OF_THE_CONNECTION.test(name))).toEqual([]);
        const named = namedBy(lines);
        const certain = lines.filter(
          ([name]) => !OF_THE_CONNECTION.test(name) && (KEPT.test(name) || !named.has(name.toLowerCase())),
        );
        expect(certain.every((line) => got.some(([name, value]) => name === line[0] && value === line[1]))).toBe(true);
        expect(lines.filter((line) => got.some(([name, value]) => name === line[0] && value === line[1]))).toEqual(got);
        const hasNoFrame = !lines.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name));
        expect(endsBy === "close").toBe(hasNoFrame);
      }),
    );
  });

  it("have no trailers that say how a body is framed, whom it is for, or what to keep", () => {
    fc.assert(
      fc.property(LINES, (lines) => {
        const names = Object.keys(trailerFields(lines.flat()) ?? {});
        expect(names.filter((name) => OF_THE_CONNECTION.test(name) || SAID_ANEW.test(name) || KEPT.test(name))).toEqual(
          [],
        );
        expect(names.filter((name) => /^set-cookie$/i.test(name))).toEqual([]);
      }),
    );
  });
});
