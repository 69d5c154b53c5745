import { progressLine } from "./report.js";
import type { Standing } from "./storm.js";

const TERMINAL_EVERY_MS = 250;
const LINE_EVERY_MS = 5_000;

/** Shows how a storm stands: in a terminal one line that is rewritten, elsewhere a line every few seconds. */
export function showProgress(standing: () => Standing): () => void {
  const { stdout } = process;
  const show = stdout.isTTY
    ? () => stdout.write(`\r\x1b[2K${progressLine(standing()).slice(0, stdout.columns - 1)}`)
    : () => console.log(progressLine(standing()));
  const timer = setInterval(show, stdout.isTTY ? TERMINAL_EVERY_MS : LINE_EVERY_MS);
  return () => {
    clearInterval(timer);
    if (stdout.isTTY) stdout.write("\r\x1b[2K");
  };
}
