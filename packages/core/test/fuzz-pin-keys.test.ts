import { describe, expect, it } from "vitest";
import { createPinKeys } from "../src/revisions.js";
import { CASES, expectPrototypeUntouched, expectWithin } from "./fuzz-support.js";
import { A, B, base64url, bytesOf, CLAIMS, judgements, NOW_MS, TOKEN } from "./pin-keys-support.js";

const BATCH = 2_000;
const SEED = 20_261_123;
const ALPHABET = "ABCXYZabcxyz0189-_.=+/ %\"';,\0\n\u00e9\ud800版__proto__rp1";

type Random = (below: number) => number;

/** Numbers that are the same in every run: mulberry32. */
function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function textOf(random: Random, length: number): string {
  return Array.from({ length }, () => ALPHABET[random(ALPHABET.length)]).join("");
}

/** Ways to make a string that might pass for a token. */
const MAKERS: readonly ((random: Random, tokens: readonly string[]) => string)[] = [
  (random) => textOf(random, random(120)),
  (random) => `rp1.a.${textOf(random, random(80))}.${textOf(random, 43)}`,
  (random) => `rp1.${["a", "b", "__proto__"][random(3)]}.${base64url(anyBytes(random, random(60)))}.${anyTag(random)}`,
  (random, tokens) => {
    const [token, from] = [anyOf(random, tokens), random(98)];
    return token.slice(0, from) + textOf(random, 1 + random(3)) + token.slice(from + random(4));
  },
  (random, tokens) => {
    const parts = [anyOf(random, tokens), anyOf(random, tokens)].map((token) => token.split("."));
    return [0, 1, 2, 3].map((at) => parts[random(2)]?.[at]).join(".");
  },
  (random, tokens) => {
    const [version, id, payload = "", tag] = anyOf(random, tokens).split(".");
    const bytes = bytesOf(payload);
    for (let times = 1 + random(3); times > 0; times -= 1) bytes[random(bytes.length)] = random(256);
    return [version, id, base64url(bytes), tag].join(".");
  },
];

const anyBytes = (random: Random, length: number) => Array.from({ length }, () => random(256));
const anyTag = (random: Random) => base64url(anyBytes(random, 32));
const anyOf = (random: Random, tokens: readonly string[]) => tokens[random(tokens.length)] ?? "";

describe("fuzzed tokens", () => {
  it(`${CASES} strings, most of them made of tokens: none is accepted that was not signed, and none does harm`, async () => {
    const keys = createPinKeys({ service: "payments", keys: [A, B] });
    const orders = createPinKeys({ service: "orders", keys: [B] });
    const signed = [TOKEN, await keys.sign({ ...CLAIMS, revision: "修订版" }), await orders.sign(CLAIMS)];
    const random = randomOf(SEED);
    const found = new Map<string, number>();
    for (let made = 0; made < CASES; made += BATCH) {
      const batch = Array.from({ length: BATCH }, () => MAKERS[random(MAKERS.length)]?.(random, signed) ?? "");
      const others = batch.filter((token) => !signed.includes(token));
      for (const why of await judgements(keys, others)) found.set(why, (found.get(why) ?? 0) + 1);
    }
    expect([...found.keys()].sort()).toEqual(["forged", "malformed", "unknown-key"]);
    expect(found.get("forged")).toBeGreaterThan(CASES / 20);
    expect(await judgements(keys, signed)).toEqual(["pin", "pin", "audience"]);
    expectPrototypeUntouched();
  });

  it("8 KB cost no more than a glance", async () => {
    const keys = createPinKeys({ service: "payments", keys: [A] });
    const long = [".".repeat(8192), TOKEN.padEnd(8192, "A"), "rp1.".repeat(2048)];
    await expectWithin(50, () => {
      for (let time = 0; time < 10_000; time += 1) for (const token of long) void keys.verify(token, NOW_MS);
    });
  });
});
