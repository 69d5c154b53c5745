import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterEvent } from "../src/resume.js";
import { finish, joined, openHouse, runOf, say, seen } from "./support.js";

const EVENTS = [["Content-Type", "text/event-stream; charset=utf-8"]] as const;
const bytes = (text: string) => new TextEncoder().encode(text);
const rest = (texts: readonly string[], id: string, headers: readonly (readonly [string, string])[] = EVENTS) =>
  afterEvent(headers, texts.map(bytes), id).map((chunk) => Buffer.from(chunk).toString());

describe("what is left of an event stream after an event", () => {
  it.each([
    ["the events that follow it", ["id: 1\ndata: a\n\nid: 2\ndata: b\n\n"], "1", ["id: 2\ndata: b\n\n"]],
    ["nothing after the last one", ["id: 1\ndata: a\n\n"], "1", []],
    ["an event that follows without an id", ["id: 1\n\ndata: b\n\n"], "1", ["data: b\n\n"]],
    ["what lies across chunks", ["id: 1\nda", "ta: a\n", "\nid: 2", "\n\n"], "1", ["id: 2", "\n\n"]],
    ["what lies behind CRLF", ["id: 1\r\ndata: a\r\n\r\nid: 2\r\n\r\n"], "1", ["id: 2\r\n\r\n"]],
    ["what lies behind CR", ["id: 1\rdata: a\r\rid: 2\r\r"], "1", ["id: 2\r\r"]],
    ["what follows an id without a space", ["id:1\n\nid:2\n\n"], "1", ["id:2\n\n"]],
    ["what follows a stream's byte order mark", ["\uFEFFid: 1\n\nid: 2\n\n"], "1", ["id: 2\n\n"]],
    ["what follows an id beyond ASCII", ["id: é–1\n\nid: 2\n\n"], "é–1", ["id: 2\n\n"]],
    ["the rest, by the last id of an event that has two", ["id: 1\nid: 2\n\nid: 3\n\n"], "2", ["id: 3\n\n"]],
    ["all of it, by an id that another one of its event replaced", ["id: 1\nid: 2\n\n"], "1", ["id: 1\nid: 2\n\n"]],
    ["all of it, after an event it has not", ["id: 1\n\n"], "7", ["id: 1\n\n"]],
    ["all of it, after an event that was never sent off", ["id: 1\ndata: a\n"], "1", ["id: 1\ndata: a\n"]],
    ["all of it, where the id stands in data", ["data: id: 1\n\n"], "1", ["data: id: 1\n\n"]],
  ])("is %s", (_, texts, id, left) => {
    expect(rest(texts, id)).toEqual(left);
  });

  it("is found by an id whose bytes the platform has handed on one by one", () => {
    expect(rest(["id: é\n\nid: 2\n\n"], Buffer.from("é").toString("latin1"))).toEqual(["id: 2\n\n"]);
  });

  it("is all of an answer that is no stream of events, or an encoded one", () => {
    const text = "id: 1\n\nid: 2\n\n";
    expect(rest([text], "1", [["Content-Type", "text/plain"]])).toEqual([text]);
    expect(rest([text], "1", [])).toEqual([text]);
    expect(rest([text], "1", [...EVENTS, ["Content-Encoding", "gzip"]])).toEqual([text]);
  });

  it("is the same however the stream was cut into chunks, and never begins within an event", () => {
    const event = fc.tuple(
      fc.nat(5),
      fc.constantFrom("", "data: x\n", ": note\n", "retry: 5\n"),
      fc.constantFrom("\n"),
    );
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat(60)), fc.nat(6), (events, cuts, id) => {
        const texts = events.map(([each, line, end]) => `id: ${each}\n${line}${end}`);
        const whole = texts.join("");
        const bounds = [0, ...cuts.filter((cut) => cut < whole.length).sort((a, b) => a - b), whole.length];
        const chunks = bounds.slice(1).map((to, at) => whole.slice(bounds[at], to));
        const first = events.findIndex(([each]) => each === id);
        expect(rest(chunks, String(id)).join("")).toBe(texts.slice(first + 1).join(""));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a mount with resumeEvents", () => {
  const options = { resumeEvents: true };
  const stream = { status: 200, headers: EVENTS, body: "id: 1\n\nid: 2\n\n" };

  it("sends a retry that has seen an event those that follow, from the cache and from the store", async () => {
    const house = await openHouse();
    await house.pay({}, options, stream);
    for (const process of [house, house.another()]) {
      const answer = seen(await process.send({ lastEventId: "1" }, options));
      expect(answer).toMatchObject({ status: 200, text: "id: 2\n\n", headers: { "Idempotency-Replayed": "true" } });
      expect(seen(await process.send({}, options)).text).toBe(stream.body);
      expect(seen(await process.send({ lastEventId: "" }, options)).text).toBe(stream.body);
    }
  });

  it("sends it the rest of a stream that goes on", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({}, options));
    run.head(200, EVENTS, []);
    say(run, "id: 1\n\nid: 2\n\n");
    const reading = joined(await house.send({ lastEventId: "1" }, options));
    expect(await reading.next()).toBe("id: 2\n\n");
    say(run, "id: 3\n\n");
    expect(await reading.next()).toBe("id: 3\n\n");
  });

  it("keeps to the scope: another caller's Last-Event-ID finds nothing, and runs", async () => {
    const house = await openHouse();
    await house.pay({}, options, stream);
    expect((await house.send({ caller: "bob", lastEventId: "1" }, options)).action).toBe("run");
  });

  it("runs a first request whatever Last-Event-ID it carries", async () => {
    const house = await openHouse();
    const run = runOf(await house.send({ lastEventId: "1" }, options));
    await finish(run, stream);
    expect(seen(await house.send({}, options)).text).toBe(stream.body);
  });

  it("is off unless asked for", async () => {
    const house = await openHouse();
    await house.pay({}, {}, stream);
    expect(seen(await house.send({ lastEventId: "1" })).text).toBe(stream.body);
  });
});
