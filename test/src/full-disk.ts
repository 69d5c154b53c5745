/** Disks that are full for one program alone: its files cannot grow, and it is told so as it would be by a full disk. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Goes before a program on its command line. A program that has not been started so is killed by the first write that is too much. */
export const UNDER_FILE_LIMIT: readonly string[] = ["/bin/sh", "-c", `trap "" XFSZ; exec "$0" "$@"`];

/** From now on no file of a running program grows beyond so many bytes; what is longer stays as it is. */
export async function limitFiles(pid: number, bytes: number | "unlimited"): Promise<void> {
  // The soft limit: only that may be raised again.
  await run("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
}
