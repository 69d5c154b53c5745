import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Pins } from "../../src/pinned.js";
import {
  type AcceptedPins,
  decidePins,
  decideSought,
  type Match,
  matchPins,
  type Offer,
  type Question,
} from "../../src/pins/decide-pins.js";
import type { PIN_PROBLEMS } from "../../src/problem.js";

const revision = fc.integer({ min: 9, max: 14 });
const tag = fc.constantFrom("A", "B", "C");
const flag = fc.boolean();
const pins: fc.Arbitrary<Pins> = fc.record(
  { schemaRev: revision, indexHash: tag, isWide: flag },
  { requiredKeys: [], noNullPrototype: true },
);
const accepts: fc.Arbitrary<AcceptedPins> = fc.record(
  {
    schemaRev: fc.array(revision, { maxLength: 3 }),
    indexHash: fc.array(tag, { maxLength: 2 }),
    isWide: fc.array(flag, { maxLength: 2 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);
const offer: fc.Arbitrary<Offer> = fc.record({ accepts, live: pins });

/** What the design says, pin by pin, in the plainest words. */
function modelled(asked: Pins, { accepts: all, live }: Offer): Match {
  const matches = Object.entries(asked).map(([name, value]): Match => {
    const accepted = all[name] ?? [];
    if (name !== "schemaRev") return accepted.includes(value ?? "") && live[name] === value ? "match" : "other";
    const [asks, has] = [Number(value), live.schemaRev];
    if (has !== undefined && asks <= has && accepted.includes(asks)) return "match";
    // Older than something that is accepted, and the backend has come that far: the caller is behind.
    if (has !== undefined && asks <= has && accepted.some((each) => Number(each) > asks)) return "behind";
    return "ahead";
  });
  return (["behind", "ahead", "other"] as const).find((each) => matches.includes(each)) ?? "match";
}

describe("matchPins()", () => {
  it("is what the reference says, for any request and any backend", () => {
    fc.assert(
      fc.property(pins, offer, (asked, offered) => {
        expect(matchPins(asked, offered)).toBe(modelled(asked, offered));
      }),
      { numRuns: 10_000 },
    );
  });

  it("matches whoever asks for nothing, and a pin that is undefined asks for nothing", () => {
    fc.assert(
      fc.property(offer, (offered) => {
        expect(matchPins({}, offered)).toBe("match");
        expect(matchPins({ schemaRev: undefined, indexHash: undefined }, offered)).toBe("match");
      }),
    );
  });

  it("matches what a backend says it has, once that is accepted", () => {
    fc.assert(
      fc.property(pins, (live) => {
        const all = Object.fromEntries(Object.entries(live).map(([name, value]) => [name, [value ?? ""]]));
        expect(matchPins(live, { accepts: all, live })).toBe("match");
      }),
    );
  });

  it.each([
    [{ schemaRev: 12 }, "match"],
    [{ schemaRev: 11 }, "match"],
    [{ schemaRev: 10 }, "behind"],
    // Accepted, once the backend has it.
    [{ schemaRev: 13 }, "ahead"],
    [{ indexHash: "B" }, "match"],
    [{ indexHash: "A" }, "other"],
    [{ schemaRev: 10, indexHash: "A" }, "behind"],
    [{ schemaRev: 14, indexHash: "A" }, "ahead"],
    [{ modelTag: "m" }, "other"],
    // A number is no text.
    [{ indexHash: 5 as unknown as string }, "other"],
  ])("golden: %j is %s", (asked, match) => {
    const offered = {
      accepts: { schemaRev: [11, 12, 13], indexHash: ["A", "B", "5"] },
      live: { schemaRev: 12, indexHash: "B" },
    };
    expect(matchPins(asked, offered)).toBe(match);
  });
});

const question: fc.Arbitrary<Question> = fc.record({
  kind: fc.constantFrom("document", "api", "stream"),
  steered: fc.constantFrom("free", "here", "elsewhere", "gone", "unknown"),
  isSigned: fc.boolean(),
  asked: pins,
  required: fc.subarray(["schemaRev", "indexHash"]),
  offer: fc.option(offer, { nil: undefined }),
});

const forAll = (check: (question: Question, action: ReturnType<typeof decidePins>) => void) =>
  fc.assert(
    fc.property(question, (asked) => {
      check(asked, decidePins(asked));
    }),
    { numRuns: 5000 },
  );

describe("decidePins()", () => {
  it("follows a pin that leads elsewhere, and no other one", () => {
    forAll(({ steered }, { action }) => expect(action === "follow").toBe(steered === "elsewhere"));
  });

  it("serves nothing whose pins do not match what the backend has", () => {
    forAll(({ asked, offer: offered }, { action }) => {
      if (action !== "serve") return;
      expect(offered === undefined ? Object.keys(asked) : modelled(asked, offered)).toEqual(
        offered === undefined ? [] : "match",
      );
    });
  });

  it("asks no document for pins, and refuses none for a revision that is not there", () => {
    forAll(({ kind }, { action }) => {
      if (kind === "document") expect(action).not.toBe("refuse");
    });
  });

  it("refuses all else whose revision is gone or unknown, by these very words", () => {
    forAll(({ kind, steered }, decision) => {
      if (kind === "document" || (steered !== "gone" && steered !== "unknown")) return;
      expect(decision).toEqual({ action: "refuse", code: `revision-${steered}` });
    });
  });

  it("refuses for a pin that is missing exactly where one is required of nobody who has a revision pin", () => {
    forAll(({ kind, steered, isSigned, asked, required }, decision) => {
      const isMissing = required.some((name) => asked[name] === undefined);
      const isRefused = decision.action === "refuse" && decision.code === "pins-missing";
      const isJudged = kind !== "document" && (steered === "free" || steered === "here");
      expect(isRefused).toBe(isJudged && !isSigned && isMissing);
    });
  });

  it("seeks with the code that is right if nobody is found", () => {
    forAll(({ asked, offer: offered }, decision) => {
      if (decision.action !== "seek") return;
      const match = offered === undefined ? "unreadable" : modelled(asked, offered);
      const codes = {
        behind: "client-behind",
        ahead: "backend-behind",
        other: "backend-behind",
        match: "none",
      } as const;
      expect(decision.code).toBe(match === "unreadable" ? "pins-unreadable" : codes[match]);
    });
  });

  it("is the same for the same question", () => {
    forAll((asked, decision) => expect(decidePins(asked)).toEqual(decision));
  });
});

describe("decideSought()", () => {
  const route = { action: "route" };
  const refuse = (code: keyof typeof PIN_PROBLEMS) => ({ action: "refuse", code });

  it.each([
    ["backend-behind", "live", route],
    ["client-behind", "live", route],
    ["pins-unreadable", "live", route],
    ["backend-behind", "unknown", refuse("revision-unknown")],
    ["client-behind", "unknown", refuse("revision-unknown")],
    ["pins-unreadable", "unknown", refuse("revision-unknown")],
    ["backend-behind", "gone", refuse("client-behind")],
    ["client-behind", "gone", refuse("client-behind")],
    ["pins-unreadable", "gone", refuse("pins-unreadable")],
    ["backend-behind", "none", refuse("backend-behind")],
    ["client-behind", "none", refuse("client-behind")],
    ["pins-unreadable", "none", refuse("pins-unreadable")],
  ] as const)("golden: %s, %s", (code, sought, decision) => {
    expect(decideSought(code, sought)).toEqual(decision);
  });
});
