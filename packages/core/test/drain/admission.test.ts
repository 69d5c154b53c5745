import { describe, expect, it } from "vitest";
import { ADMISSIONS, type ArrivalKind, type ArrivalSigns, arrivalKind } from "../../src/drain/admission.js";

const KINDS = [
  "probe",
  "pinned",
  "keyed",
  "preflight",
  "stream",
  "endless-stream",
  "upgrade",
  "routable",
  "new",
] as const;

/** Golden: what is promised, cell by cell. */
const TABLE = {
  serving: ["serve", "serve", "serve", "serve", "serve", "serve", "serve", "serve", "serve"],
  hold: ["serve", "serve", "serve", "serve", "serve", "serve", "serve", "serve", "serve"],
  drain: ["serve", "ask", "ask", "ask", "reconnect", "reconnect", "refuse", "ask", "refuse"],
  farewell: ["serve", "refuse", "ask", "ask", "reconnect", "reconnect", "refuse", "ask", "refuse"],
  closed: ["serve", "refuse", "refuse", "refuse", "reconnect", "reconnect", "refuse", "refuse", "refuse"],
} as const;

describe("ADMISSIONS", () => {
  it.each(Object.entries(TABLE))("in %s answers each kind as the golden table says", (state, row) => {
    const expected = Object.fromEntries(KINDS.map((kind, index) => [kind, row[index]]));
    expect(Object.entries(ADMISSIONS).find(([name]) => name === state)?.[1]).toEqual(expected);
  });

  it("has no state beside those of the golden table", () => {
    expect(Object.keys(ADMISSIONS)).toEqual(Object.keys(TABLE));
  });
});

const SIGNS: ArrivalSigns = { isProbe: false, isEndless: false, hasRevisions: false, keyHeaders: ["idempotency-key"] };

interface Arrival {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signs?: Partial<ArrivalSigns>;
}

function kindOf({ method = "GET", target = "/", headers = {}, signs = {} }: Arrival): ArrivalKind {
  const header = (name: string) => Object.entries(headers).flatMap(([one, value]) => (one === name ? [value] : []));
  return arrivalKind({ method, target, header }, { ...SIGNS, ...signs });
}

const STREAM = { accept: "text/event-stream" };
const PIN = { "revision-pin": "abc" };
const KEY = { "idempotency-key": "k" };
const UPGRADE = { upgrade: "websocket" };
const REVISIONS = { hasRevisions: true };

describe("arrivalKind", () => {
  it.each<readonly [string, Arrival, ArrivalKind]>([
    ["a request without any sign", {}, "new"],
    ["the same where there are revisions", { signs: REVISIONS }, "routable"],
    [
      "a probe, whatever it carries",
      { headers: { ...STREAM, ...PIN, ...KEY, ...UPGRADE }, signs: { isProbe: true } },
      "probe",
    ],
    ["an event stream that is asked for", { headers: STREAM }, "stream"],
    ["one among other types, in any case", { headers: { accept: "text/html, Text/Event-Stream;q=0.9" } }, "stream"],
    ["one that is taken up again", { headers: { "last-event-id": "7" } }, "stream"],
    ["one where there are revisions", { headers: STREAM, signs: REVISIONS }, "stream"],
    ["one that is sent for with POST, which no EventSource does", { method: "POST", headers: STREAM }, "new"],
    ["a type that only begins like one", { headers: { accept: "text/event-streams" } }, "new"],
    ["an endless stream", { headers: STREAM, signs: { isEndless: true } }, "endless-stream"],
    [
      "an endless stream with a pin",
      { headers: { ...STREAM, ...PIN }, signs: { isEndless: true, ...REVISIONS } },
      "endless-stream",
    ],
    ["an endless route that is not asked for a stream", { signs: { isEndless: true } }, "new"],
    ["a pin", { headers: PIN, signs: REVISIONS }, "pinned"],
    ["a pin where there are no revisions", { headers: PIN }, "new"],
    ["a pin in the query", { target: "/?revision-pin=abc", signs: REVISIONS }, "pinned"],
    ["a pin in the cookie", { headers: { cookie: "__Host-revision-pin=abc" }, signs: REVISIONS }, "pinned"],
    ["a finite stream with a pin", { headers: { ...STREAM, ...PIN }, signs: REVISIONS }, "pinned"],
    ["a key and a pin", { method: "POST", headers: { ...KEY, ...PIN }, signs: REVISIONS }, "pinned"],
    ["an upgrade with a pin", { headers: { ...UPGRADE, ...PIN }, signs: REVISIONS }, "pinned"],
    ["an upgrade", { headers: UPGRADE }, "upgrade"],
    ["an upgrade where there are revisions", { headers: UPGRADE, signs: REVISIONS }, "upgrade"],
    ["an upgrade that accepts an event stream", { headers: { ...UPGRADE, ...STREAM } }, "upgrade"],
    ["an upgrade on an endless route", { headers: UPGRADE, signs: { isEndless: true } }, "upgrade"],
    ["a preflight", { method: "OPTIONS", headers: { "access-control-request-method": "POST" } }, "preflight"],
    ["OPTIONS that asks for nothing", { method: "OPTIONS" }, "new"],
    ["a key", { method: "POST", headers: KEY }, "keyed"],
    ["a key where there are revisions", { method: "POST", headers: KEY, signs: REVISIONS }, "keyed"],
    [
      "a key in a header of the application's own",
      { headers: { "x-delivery": "1" }, signs: { keyHeaders: ["x-delivery"] } },
      "keyed",
    ],
    ["a key in a header that carries none here", { headers: KEY, signs: { keyHeaders: [] } }, "new"],
    ["a key in the usual header where nothing is said", { headers: KEY, signs: { keyHeaders: undefined } }, "keyed"],
    ["a stream with a key", { headers: { ...STREAM, ...KEY } }, "keyed"],
  ])("takes %s for what it is", (_, arrival, kind) => {
    expect(kindOf(arrival)).toBe(kind);
  });
});
