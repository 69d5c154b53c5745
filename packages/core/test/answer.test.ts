import { describe, expect, it } from "vitest";
import { isReplayed, replayAnswer } from "../src/answer.js";
import type { HeaderLine } from "../src/facts.js";
import type { AnswerRecord } from "../src/record.js";
import { Recorder } from "../src/recorder.js";
import type { Fingerprint } from "../src/store.js";
import { openHouse, seen } from "./support.js";

const ABOUT = { fingerprint: "t1:x" as Fingerprint, revision: "r42", completedAtMs: 1 };
const NONE: ReadonlySet<string> = new Set();

describe("a field of the first answer", () => {
  it.each([
    "Content-Type",
    "Content-Encoding",
    "Content-Disposition",
    "Location",
    "ETag",
    "Last-Modified",
    "Link",
    "Retry-After",
    "Vary",
    "Cache-Control",
    "Expires",
    "X-Payment-Id",
    "x-total-count",
  ])("%s is replayed", (name) => {
    expect(isReplayed(name, NONE)).toBe(true);
  });

  it.each([
    ["a cookie", ["Set-Cookie", "set-cookie", "Set-Cookie2"]],
    ["the length as stored", ["Content-Length"]],
    ["hop by hop", ["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"]],
    ["hop by hop", ["Proxy-Authenticate", "Proxy-Authorization"]],
    ["of its moment", ["Date", "Age", "Server-Timing", "X-Response-Time"]],
    ["of one exchange", ["X-Request-Id", "X-Amzn-Trace-Id", "X-Correlation-ID", "X-B3-TraceId"]],
    ["for a server in front", ["X-Accel-Redirect", "X-Sendfile", "X-Powered-By", "X-Real-IP"]],
    ["a credential", ["X-CSRF-Token", "X-Auth-Token", "X-Session-Id", "WWW-Authenticate"]],
    ["set by the middleware in front", ["Access-Control-Allow-Origin", "Strict-Transport-Security", "Server"]],
    ["a control header", ["Idempotency-Key", "Idempotency-Replayed", "X-Idempotency-Key", "X-Idempotency-Replayed"]],
    ["a control header", ["Schema-Rev", "X-Schema-Rev", "X-Index-Hash", "X-Model-Tag", "Revision", "X-Revision"]],
    ["a control header", ["Revision-Pin", "X-Revision-Pin", "X-Release", "X-Canary", "X-Deployment-Id"]],
  ])("that is %s is not replayed: %j", (_, fields) => {
    for (const name of fields) expect(isReplayed(name, NONE), name).toBe(false);
  });

  it("named by the mount is replayed, in any case", () => {
    expect(isReplayed("Server-Timing", new Set(["server-timing"]))).toBe(true);
    expect(isReplayed("X-Request-ID", new Set(["x-request-id"]))).toBe(true);
  });
});

describe("a replayed answer", () => {
  const record = (headers: readonly HeaderLine[]): AnswerRecord => ({
    kind: "answer",
    ...ABOUT,
    status: 201,
    headers,
    chunks: [new Uint8Array([1])],
  });

  it("has status, lines in their order and bytes of the first, and is marked and not to be cached", () => {
    const lines: HeaderLine[] = [
      ["Link", "<a>"],
      ["link", "<b>"],
    ];
    expect(replayAnswer(record(lines))).toEqual({
      status: 201,
      headers: [...lines, ["Idempotency-Replayed", "true"], ["Cache-Control", "no-store"]],
      chunks: [new Uint8Array([1])],
    });
  });

  it("may be cached as the first one could be", () => {
    const { headers } = replayAnswer(record([["cache-control", "max-age=60"]]));
    expect(headers).toEqual([
      ["cache-control", "max-age=60"],
      ["Idempotency-Replayed", "true"],
    ]);
  });

  it("carries no cookie, length, date or connection field through a whole run", async () => {
    const house = await openHouse();
    const headers: readonly HeaderLine[] = [
      ["Set-Cookie", "sid=1"],
      ["Set-Cookie", "csrf=2"],
      ["Content-Length", "999"],
      ["Date", "Thu, 01 Jan 1970 00:00:00 GMT"],
      ["Connection", "close"],
      ["Transfer-Encoding", "chunked"],
      ["Location", "/payments/7"],
    ];
    await house.pay({}, {}, { headers });
    for (const process of [house, house.another()]) {
      expect(seen(await process.send()).headers).toEqual({
        Location: "/payments/7",
        "Idempotency-Replayed": "true",
        "Cache-Control": "no-store",
      });
    }
  });
});

describe("Recorder", () => {
  const utf8 = (text: string) => new TextEncoder().encode(text);

  it("keeps what the handler set, and not what stood there before", () => {
    const recorder = new Recorder(1_000, NONE);
    const already: HeaderLine[] = [
      ["x-frame-options", "DENY"],
      ["Vary", "Origin"],
    ];
    const sent: HeaderLine[] = [
      ["X-Frame-Options", "DENY"],
      ["Vary", "Accept"],
      ["ETag", '"1"'],
    ];
    recorder.head(200, sent, already);
    expect(recorder.finish(ABOUT)).toMatchObject({ headers: sent.slice(1) });
  });

  it("counts the first head, is a 200 without one, and drops empty chunks", () => {
    const recorder = new Recorder(1_000, NONE);
    expect(recorder.status()).toBeUndefined();
    expect(recorder.finish(ABOUT)).toEqual({ kind: "answer", ...ABOUT, status: 200, headers: [], chunks: [] });
    recorder.head(201, [["ETag", "a"]], []);
    recorder.head(500, [], []);
    recorder.write(utf8(""));
    recorder.write(utf8("x"));
    expect(recorder.finish(ABOUT)).toMatchObject({ status: 201, headers: [["ETag", "a"]], chunks: [utf8("x")] });
  });

  it("takes header and body up to maxRecordBytes, and becomes a tombstone one byte later", () => {
    const recorder = new Recorder(10, NONE);
    recorder.head(200, [["ETag", "a"]], []);
    recorder.write(utf8("12345"));
    expect(recorder.finish(ABOUT).kind).toBe("answer");
    recorder.write(utf8("6"));
    expect(recorder.finish(ABOUT)).toEqual({ kind: "too-large", ...ABOUT, status: 200 });
  });

  it("stays a tombstone, whatever comes after", () => {
    const recorder = new Recorder(3, NONE);
    recorder.write(utf8("1234"));
    recorder.write(utf8(""));
    recorder.head(201, [], []);
    expect(recorder.finish(ABOUT)).toEqual({ kind: "too-large", ...ABOUT, status: 201 });
    expect(recorder.finish(ABOUT, "cut").kind).toBe("cut");
  });
});
