import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CLASSES } from "../src/dedupe/classes.js";
import { STORES } from "../src/dedupe/flags.js";
import { rowsOf } from "./markdown-rows.js";

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
const number = (text = "") => Number(text.replaceAll(",", ""));
const measured = rowsOf(read("../DEDUPE.md")).filter((row) => row.class !== undefined);

describe("bench/DEDUPE.md", () => {
  it("holds at least 3,000 duplicates of each class on each store, 0 duplicate effects and 0 lost", () => {
    const places = STORES.flatMap((store) => CLASSES.map((name) => [store, name]));
    expect(measured.map((row) => [row.store, row.class])).toEqual(places);
    for (const row of measured) {
      expect(row).toMatchObject({ "duplicate effects": "0", lost: "0" });
      expect(number(row.duplicates)).toBeGreaterThanOrEqual(3000);
      expect(number(row.hits) / number(row.duplicates)).toBeGreaterThanOrEqual(0.999);
    }
  });
});

describe("README.md", () => {
  it("quotes it: hits of duplicates in each class, the least bound, and the sums of the rest", () => {
    const quoted = rowsOf(read("../../README.md")).filter((row) => CLASSES.some((name) => name in row));
    const expected = STORES.map((store) => {
      const rows = measured.filter((row) => row.store === store);
      const bounds = rows.map((row) => Number.parseFloat(row["95 % lower bound"] ?? ""));
      return {
        store,
        ...Object.fromEntries(rows.map((row) => [row.class, `${row.hits} of ${row.duplicates}`])),
        "95 % bound, at least": `${Math.min(...bounds).toFixed(3)} %`,
        "duplicate effects": "**0**",
        lost: "0",
      };
    });
    expect(quoted).toEqual(expected);
  });
});
