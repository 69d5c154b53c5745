/** A real browser's `EventSource`, in a page that the service has served. */
import { fileURLToPath } from "node:url";
import { startBrowser } from "@onceover/test/browser";
import { describeHandOff, type EventClient } from "@onceover/test/describe-hand-off";
import type { Seen } from "@onceover/test/watch-events";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";

const PAGE = fileURLToPath(new URL("../fixtures/event-page.ts", import.meta.url));

let browser: Browser;
let script: string;
beforeAll(async () => {
  const { outputFiles } = await build({ entryPoints: [PAGE], bundle: true, write: false, format: "iife" });
  script = outputFiles[0]?.text ?? "";
  browser = await startBrowser();
});
afterAll(() => browser?.close());

async function openClient(): Promise<EventClient> {
  const context = await browser.newContext();
  const page = await context.newPage();
  return {
    async open(url, sources) {
      await page.goto(url);
      await page.evaluate(script);
      await page.evaluate(`openEvents(${JSON.stringify(sources)})`);
    },
    seen: () => page.evaluate<readonly Seen[]>("seenEvents()"),
    async openTokens(_, count) {
      await page.evaluate(`openTokens(${count})`);
      return { text: page.evaluate<string>("allTokens()") };
    },
    close: () => context.close(),
  };
}

// It sends ids as UTF-8, as the standard says; undici cannot.
describeHandOff("an EventSource of Chromium", { openClient, sources: ["s1", "s2", "s3", "s4", "quelle ö → ю"] });
