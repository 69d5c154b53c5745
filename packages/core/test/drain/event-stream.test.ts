import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEventStreamTracker, farewellBytes, lastEventIdOf } from "../../src/drain/event-stream.js";
import { expectLinear } from "../fuzz-support.js";
import { bytesOf, cutAt, joined, places } from "./streams-support.js";

interface Client {
  readonly events: readonly string[];
  /** What it sends as `Last-Event-ID` when it comes again. */
  readonly lastId: string;
  readonly retry: string | undefined;
  /** Whether a field waits for its blank line, or a line for its end. */
  readonly isPending: boolean;
}

/**
 * The parser of HTML, "Server-sent events", written from its steps over the whole text. Browsers begin with the id they sent;
 * to the letter, a client begins each stream with none.
 */
function clientOf(bytes: Uint8Array, sentId = "", isToTheLetter = false): Client {
  const lines = new TextDecoder().decode(bytes).split(/\r\n|\r|\n/);
  const unfinished = lines.pop() ?? "";
  const events: string[] = [];
  let [data, type, buffer, lastId] = ["", "", isToTheLetter ? "" : sentId, sentId];
  let retry: string | undefined;
  let isPending = false;
  for (const line of lines) {
    if (line === "") {
      lastId = buffer;
      if (data !== "") events.push(JSON.stringify({ type: type || "message", data: data.slice(0, -1), lastId }));
      [data, type, isPending] = ["", "", false];
      continue;
    }
    if (line.startsWith(":")) continue;
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data += `${value}\n`;
    if (field === "event") type = value;
    if (field === "id" && !value.includes("\0")) buffer = value;
    if (field === "retry" && /^[0-9]+$/.test(value)) retry = value;
    if (field === "data" || field === "event" || field === "id") isPending = true;
  }
  return { events, lastId, retry, isPending: isPending || unfinished !== "" };
}

const LINES = [
  "data: a",
  "data",
  "data:",
  "data:  b",
  "id: 1",
  "id:2",
  "id",
  "id:",
  "id: \0",
  "id: é\u{1F600}",
  "event: x",
];
const OTHERS = [
  ": ping",
  ":",
  "retry: 7",
  "retry",
  "dat",
  "datas: 1",
  "ids: 1",
  "i",
  "Data: 1",
  " data: 1",
  "foo: bar",
];
const content = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...LINES) },
  { weight: 4, arbitrary: fc.constant("") },
  { weight: 2, arbitrary: fc.constantFrom(...OTHERS, "\ufeff", "\0", "é", "\u{1F600}") },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 5 }) },
);
const end = fc.constantFrom("\n", "\n", "\r", "\r\n", "\r\n", "\n\n", "\r\r", "\r\n\r\n", "");
const line = fc.tuple(content, end).map((parts) => parts.join(""));
const text = fc.array(line, { maxLength: 20, size: "max" }).map((lines) => bytesOf(lines.join("")));
const begun = fc
  .tuple(fc.constantFrom("", "\ufeff", "\ufeff\ufeff"), text)
  .map(([mark, rest]) => joined(bytesOf(mark), rest));
/** Some streams are not UTF-8 at all. */
const stream = fc.oneof(
  { weight: 9, arbitrary: begun },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(0xef, 0xbb, 0xbf, 10, 13, 0xff, 0x69, 0x64, 58, 49))
      .map((all) => Uint8Array.from(all)),
  },
);
const sentId = fc.constantFrom("", "7", "é");

function tracked(chunks: readonly Uint8Array[], lastId?: string) {
  const tracker = createEventStreamTracker(lastId);
  for (const chunk of chunks) tracker.write(chunk);
  return tracker;
}

describe("createEventStreamTracker", () => {
  it("sees the events and the last id that a client sees, however the bytes are split", () => {
    let [events, ids] = [0, 0];
    fc.assert(
      fc.property(stream, places, sentId, (bytes, cuts, id) => {
        const client = clientOf(bytes, id);
        const tracker = tracked(cutAt(bytes, cuts), id);
        expect(tracker.events).toBe(client.events.length);
        expect(tracker.lastId ?? "").toBe(client.lastId);
        events += tracker.events;
        if (client.lastId !== id) ids += 1;
      }),
      { numRuns: 4_000 },
    );
    expect(events).toBeGreaterThan(1_000);
    expect(ids).toBeGreaterThan(1_000);
  });

  it("is at a boundary where no field waits and no line is unfinished, behind each single byte", () => {
    const seen = { boundary: 0, none: 0 };
    fc.assert(
      fc.property(stream, (bytes) => {
        const tracker = createEventStreamTracker();
        for (let at = 0; at < bytes.length; at += 1) {
          tracker.write(bytes.slice(at, at + 1));
          // A mark that is not whole is no text yet.
          if (at < 2 && bytes[0] === 0xef) continue;
          expect(tracker.isAtBoundary, `${bytes.slice(0, at + 1)}`).toBe(!clientOf(bytes.slice(0, at + 1)).isPending);
          seen[tracker.isAtBoundary ? "boundary" : "none"] += 1;
        }
      }),
      { numRuns: 200 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(1_000);
  });

  it.each([
    ["before the first byte", "", true],
    ["behind an event", "data: 1\n\n", true],
    ["behind an event whose last LF is still to come", "data: 1\r\n\r", true],
    ["behind a whole comment", ": ping\n", true],
    ["behind a byte order mark", "\ufeff", true],
    ["behind a retry, which counts at once", "retry: 5\n", true],
    ["within a comment", ": pi", false],
    ["behind data", "data: 1\n", false],
    ["behind an event's name", "event: x\n", false],
    ["behind an id, which would count without its event", "id: 1\n", false],
    ["behind a comment among data", "data: 1\n: ping\n", false],
    ["within a line", "dat", false],
  ])("%s: %j is a boundary: %s", (_, written, isAtBoundary) => {
    expect(tracked([bytesOf(written)]).isAtBoundary).toBe(isAtBoundary);
  });

  it.each([
    ["no id", "data: 1\n\n", undefined],
    ["one", "id: 1\ndata: 1\n\n", "1"],
    ["the last of two in one event", "id: 1\nid: 2\ndata: 1\n\n", "2"],
    ["one that no event followed yet", "id: 1\ndata: 1\n\nid: 2\ndata: 2\n", "1"],
    ["one without data", "id: 1\n\n", "1"],
    ["one that stays for the events after it", "id: 1\n\ndata: 1\n\n", "1"],
    ["one that was taken away", "id: 1\n\nid\n\n", undefined],
    ["one with a NULL, which is ignored", "id: 1\n\nid: 2\0\n\n", "1"],
    ["one with spaces", "id:  1 \n\n", " 1 "],
    ["one that looks like a mark", "id: \ufeff1\n\n", "\ufeff1"],
  ])("knows of %s", (_, written, lastId) => {
    for (const chunks of [[bytesOf(written)], cutAt(bytesOf(written), [...bytesOf(written).keys()])]) {
      expect(tracked(chunks).lastId).toBe(lastId);
    }
  });

  it.each([1, 2])(
    "takes %i bytes of a byte order mark for what they are: part of a name that nobody knows",
    (length) => {
      const bytes = joined(bytesOf("\ufeff").slice(0, length), bytesOf("data: 1\n\n"));
      for (const chunks of [[bytes], cutAt(bytes, [...bytes.keys()])]) {
        expect(tracked(chunks)).toMatchObject({ events: 0, isAtBoundary: true });
      }
    },
  );

  it("does not count an id of an event that was cut off", () => {
    const tracker = tracked([bytesOf("id: 1\ndata: 1\n\nid: 2\ndata: 2")]);
    expect(tracker).toMatchObject({ lastId: "1", events: 1, isAtBoundary: false });
  });

  it.each([1, 7, 4_096, 100_000])(
    "keeps ids up to 8 KiB, and says of longer ones that it does not know, in chunks of %i",
    (size) => {
      const tracker = createEventStreamTracker("0");
      const write = (written: string) => {
        const bytes = bytesOf(written);
        for (let at = 0; at < bytes.length; at += size) tracker.write(bytes.subarray(at, at + size));
        return tracker.lastId;
      };
      expect(write(`id: ${"a".repeat(8_192)}\n\n`)).toBe("a".repeat(8_192));
      expect(write(`id: ${"b".repeat(8_193)}\n`)).toBe("a".repeat(8_192));
      expect(write("data: 1\n\n")).toBeUndefined();
      expect(write("data: 2\n\n")).toBeUndefined();
      expect(write("id:3\n\n")).toBe("3");
      expect(tracker.events).toBe(2);
    },
  );

  it("takes no copy of the bytes: what a chunk becomes after it was written changes nothing", () => {
    const chunk = bytesOf("id: 1\n\nid: 2");
    const tracker = tracked([chunk]);
    chunk.fill(0x39);
    tracker.write(bytesOf("\n"));
    expect(tracker.lastId).toBe("1");
    tracker.write(bytesOf("\n"));
    expect(tracker.lastId).toBe("2");
  });

  it.each([
    ["one line", (size: number) => "a".repeat(size)],
    ["one id", (size: number) => `id: ${"a".repeat(size)}`],
    ["line ends", (size: number) => "\r\n".repeat(size / 2)],
    ["short ids", (size: number) => "id: 1\n\n".repeat(size / 7)],
  ])("takes twice the time for twice the bytes of %s, and no more, byte by byte", async (_, make) => {
    await expectLinear(40_000, (size) => {
      const bytes = bytesOf(make(size));
      const tracker = createEventStreamTracker();
      for (let at = 0; at < bytes.length; at += 1) tracker.write(bytes.subarray(at, at + 1));
    });
  });
});

describe("farewellBytes", () => {
  it("says after how long to come again, and with which id", () => {
    expect(farewellBytes({ retryMs: 1_500, lastId: "a é" })).toEqual(bytesOf("retry: 1500\nid: a é\n\n"));
    expect(farewellBytes({ retryMs: 0 })).toEqual(bytesOf("retry: 0\n\n"));
    expect(farewellBytes({ retryMs: 1, lastId: "" })).toEqual(bytesOf("retry: 1\n\n"));
  });

  it("changes nothing for the client but when it comes again, at each boundary of any stream", () => {
    let boundaries = 0;
    fc.assert(
      fc.property(stream, sentId, fc.nat(100_000), (bytes, id, retryMs) => {
        const tracker = createEventStreamTracker(id);
        for (let end = 0; end <= bytes.length; end += 1) {
          if (end > 0) tracker.write(bytes.slice(end - 1, end));
          if (!tracker.isAtBoundary) continue;
          const before = clientOf(bytes.slice(0, end), id);
          const after = clientOf(joined(bytes.slice(0, end), farewellBytes({ retryMs, lastId: tracker.lastId })), id);
          expect(after).toEqual({ ...before, retry: String(retryMs) });
          boundaries += 1;
        }
      }),
      { numRuns: 200 },
    );
    expect(boundaries).toBeGreaterThan(1_000);
  });

  it("gives a client that reads the standard to the letter back the id it came with", () => {
    const tracker = tracked([bytesOf(": ping\n\n")], "7");
    expect(clientOf(bytesOf(": ping\n\n"), "7", true).lastId).toBe("");
    const whole = joined(bytesOf(": ping\n\n"), farewellBytes({ retryMs: 1, lastId: tracker.lastId }));
    expect(clientOf(whole, "7", true)).toMatchObject({ lastId: "7", events: [] });
  });

  it.each([
    [{ retryMs: -1 }, "retryMs must be a whole number of milliseconds, got -1"],
    [{ retryMs: 1.5 }, "retryMs must be a whole number of milliseconds, got 1.5"],
    [{ retryMs: 1, lastId: "1\ndata: 2" }, 'lastId must be a text without line ends and NULL, got "1\\ndata: 2"'],
    [{ retryMs: 1, lastId: "1\r" }, 'lastId must be a text without line ends and NULL, got "1\\r"'],
    [{ retryMs: 1, lastId: "1\0" }, 'lastId must be a text without line ends and NULL, got "1\\u0000"'],
  ])("refuses %j", (farewell, message) => {
    expect(() => farewellBytes(farewell)).toThrow(new TypeError(message));
  });
});

describe("lastEventIdOf", () => {
  it.each([
    ["none", [], undefined],
    ["an empty one", [""], undefined],
    ["one", ["42"], "42"],
    ["UTF-8 that was handed on byte by byte", ["\u00c3\u00a9"], "é"],
    ["text that was decoded already", ["\u20ac"], "\u20ac"],
    ["bytes that are no UTF-8, and could not be said again", ["\u00e9"], undefined],
    ["what could not stand on one line", ["1\n2"], undefined],
  ])("reads %s", (_, values, id) => {
    expect(lastEventIdOf({ header: (name) => (name === "last-event-id" ? values : []) })).toBe(id);
  });
});
