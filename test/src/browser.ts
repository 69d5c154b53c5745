import { type Browser, chromium } from "playwright-core";
import { findChromium } from "./find-chromium.js";

/** Nothing but what a page asks for leaves the machine, and that only for 127.0.0.1. */
const FLAGS = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-gpu",
  "--disable-quic",
  "--disable-sync",
  "--no-first-run",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

const isRoot = process.getuid?.() === 0;

/** Starts a headless Chromium with a profile of its own; whoever starts it closes it. It ends with this process, too. */
export async function startBrowser(): Promise<Browser> {
  const { program, env } = await findChromium();
  const launch = (chromiumSandbox: boolean) =>
    chromium.launch({ executablePath: program, env: stringsOf(env), headless: true, args: FLAGS, chromiumSandbox });
  if (isRoot) return launch(false);
  // Where the system lets nobody make namespaces a copy has no sandbox; all pages are our own.
  return launch(true).catch((cause: unknown) => {
    if (!(cause instanceof Error && cause.message.includes("No usable sandbox"))) throw cause;
    return launch(false);
  });
}

function stringsOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
