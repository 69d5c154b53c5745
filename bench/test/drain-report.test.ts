import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CONTENDERS } from "../src/drain/contenders.js";
import { SCENARIOS } from "../src/drain/scenarios.js";
import { rowsOf } from "./markdown-rows.js";

const page = readFileSync(new URL("../DRAIN.md", import.meta.url), "utf8");
const rows = rowsOf(page);
const names = SCENARIOS.map(({ title }, at) => `${at + 1}. ${title}`);
const fates = rows.filter((row) => row.scenario !== undefined);
const ends = rows.filter((row) => row.ended !== undefined);

describe("bench/DRAIN.md", () => {
  it("holds every scenario and every contender", () => {
    expect(fates.map((row) => row.scenario)).toEqual(names);
    expect(ends.map((row) => row.ended)).toEqual(names);
    for (const row of rows) expect(Object.keys(row).slice(1)).toEqual(CONTENDERS);
  });

  it("holds what this library promises: nobody lost or cut, each process ended with exit code 0", () => {
    expect(fates.map((row) => row.onceover)).toEqual([
      "100 of 100",
      "10 of 10",
      "5 of 5",
      expect.stringMatching(/^10 × 1012 after [1-9]/),
      "5 of 5",
      "20 of 20",
      expect.stringMatching(/ 0 executed unanswered, 0 in doubt, GOAWAY 2³¹−1 then \d/),
      "0 lost of 5,000",
      "200 of 200",
      expect.stringMatching(/^0 lost of 5,625(, sent at [\d,]+\/s)?$/),
      expect.stringMatching(/^0 lost of 15,000(, sent at [\d,]+\/s)?$/),
      expect.stringMatching(/^[\d,]+ lost of 15,000( \([\d,]+ refused\))?(, [\d,]+ × 503)?(, sent at [\d,]+\/s)?$/),
      "100 of 100",
      "1 of 1",
      expect.stringMatching(/^\d+\.\d\d s$/),
    ]);
    for (const row of ends) expect(row.onceover).toMatch(/ ms, 0$/);
    expect(page).toContain(`PASSED: onceover kept what it promises in ${SCENARIOS.length} rows.`);
  });

  it("holds that a process ended within 300 ms of its last answer where that was the last thing to wait for", () => {
    const soon = SCENARIOS.flatMap(({ endsSoon }, at) => (endsSoon ? [ends[at]?.onceover] : []));
    expect(soon).toHaveLength(2);
    for (const cell of soon) expect(Number.parseInt(cell ?? "", 10)).toBeLessThanOrEqual(300);
  });
});
