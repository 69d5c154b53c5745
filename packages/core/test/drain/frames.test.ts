import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { closeFrame, createFrameTracker, type FrameTracker } from "../../src/drain/frames.js";
import { cutAt, joined, places } from "./streams-support.js";

interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly rsv: number;
  readonly payload: Uint8Array;
  /** Longer forms of short lengths are not allowed, and not our business. */
  readonly form: 7 | 16 | 64;
}

/** The bytes of a frame, masked where a client sends it. */
function bytesOfFrame({ opcode, isFinal, rsv, payload, form }: Frame, isMasked: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(payload.length));
  const extended = new Uint8Array(view.buffer);
  const short = form === 7 ? payload.length : form === 16 ? 126 : 127;
  const length = form === 7 ? [] : [...extended.slice(form === 16 ? 6 : 0)];
  const mask = isMasked ? [1, 0x88, 3, 0xff] : [];
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  const head = [(isFinal ? 0x80 : 0) | (rsv << 4) | opcode, (isMasked ? 0x80 : 0) | short, ...length, ...mask];
  return joined(Uint8Array.from(head), masked);
}

function formOf(length: number): Frame["form"] {
  return length < 126 ? 7 : length < 65_536 ? 16 : 64;
}

const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.nat(200) },
  { weight: 1, arbitrary: fc.constantFrom(125, 126, 127, 128, 255, 256, 1_000) },
);
const frame = fc
  .record({
    opcode: fc.constantFrom(0, 1, 2, 8, 9, 10),
    isFinal: fc.boolean(),
    rsv: fc.constantFrom(0, 4),
    payload: lengths.chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
    isLongForm: fc.boolean(),
  })
  .map(({ isLongForm, ...rest }) => ({ ...rest, form: isLongForm ? (64 as const) : formOf(rest.payload.length) }));
const frames = fc.array(frame, { maxLength: 8 });

function writeAll(tracker: FrameTracker, chunks: readonly Uint8Array[]): FrameTracker {
  for (const chunk of chunks) tracker.write(chunk);
  return tracker;
}

function messagesIn(all: readonly Frame[]): number {
  return all.filter(({ opcode, isFinal }) => opcode < 8 && isFinal).length;
}

describe.each([
  ["a server", false],
  ["a client", true],
] as const)("createFrameTracker, of what %s sends", (_, isMasked) => {
  it("counts messages and sees a close frame, however the bytes are split", () => {
    const seen = { closed: 0, open: 0 };
    fc.assert(
      fc.property(frames, places, (all, cuts) => {
        const bytes = joined(...all.map((one) => bytesOfFrame(one, isMasked)));
        const tracker = writeAll(createFrameTracker(), cutAt(bytes, cuts));
        const hasClosed = all.some(({ opcode }) => opcode === 8);
        expect(tracker).toMatchObject({ events: messagesIn(all), hasClosed, isAtBoundary: true, lastId: undefined });
        seen[hasClosed ? "closed" : "open"] += 1;
      }),
      { numRuns: 1_000 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
  });

  it("is at a boundary behind each frame, and behind no other byte", () => {
    fc.assert(
      fc.property(frames, (all) => {
        const tracker = createFrameTracker();
        expect(tracker.isAtBoundary).toBe(true);
        for (const one of all) {
          const bytes = bytesOfFrame(one, isMasked);
          const found = [...bytes.keys()].filter((at) => {
            tracker.write(bytes.slice(at, at + 1));
            return tracker.isAtBoundary;
          });
          expect(found).toEqual([bytes.length - 1]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("does not take a close frame for one that is not whole", () => {
    const close = bytesOfFrame({ opcode: 8, isFinal: true, rsv: 0, payload: Uint8Array.of(3, 232), form: 7 }, isMasked);
    const tracker = writeAll(createFrameTracker(), [close.slice(0, -1)]);
    expect(tracker).toMatchObject({ hasClosed: false, isAtBoundary: false });
    tracker.write(close.slice(-1));
    expect(tracker).toMatchObject({ hasClosed: true, isAtBoundary: true });
  });

  it("follows payloads that need 64 bits for their length without keeping them", () => {
    const bytes = bytesOfFrame(
      { opcode: 2, isFinal: true, rsv: 0, payload: new Uint8Array(70_000), form: 64 },
      isMasked,
    );
    const tracker = writeAll(createFrameTracker(), [bytes.slice(0, 69_000), bytes.slice(69_000)]);
    expect(tracker).toMatchObject({ events: 1, isAtBoundary: true });
    tracker.write(Uint8Array.of(0x82, 0x7f, 0, 0, 1, 0, 0, 0, 0, 0));
    tracker.write(new Uint8Array(1_000_000));
    expect(tracker).toMatchObject({ events: 1, isAtBoundary: false });
  });
});

describe("closeFrame", () => {
  it("is 88 02 03 f4, and with a reason that behind it", () => {
    expect([...closeFrame(1012)]).toEqual([0x88, 0x02, 0x03, 0xf4]);
    expect([...closeFrame(1012, "é")]).toEqual([0x88, 0x04, 0x03, 0xf4, 0xc3, 0xa9]);
    expect(closeFrame(1012, "a".repeat(123))).toHaveLength(127);
  });

  it("refuses a reason that a control frame has no room for, counted in bytes", () => {
    const message = "reason must be a text of at most 123 bytes of UTF-8, got";
    expect(() => closeFrame(1012, "a".repeat(124))).toThrow(new TypeError(`${message} "${"a".repeat(124)}"`));
    expect(() => closeFrame(1012, "é".repeat(62))).toThrow(TypeError);
  });

  it("is what a tracker of frames takes for a close frame", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), places, (reason, cuts) => {
        const tracker = writeAll(createFrameTracker(), cutAt(closeFrame(1012, reason), cuts));
        expect(tracker).toMatchObject({ hasClosed: true, isAtBoundary: true, events: 0 });
      }),
    );
  });
});
