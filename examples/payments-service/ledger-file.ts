import { closeSync, openSync, readSync, writeSync } from "node:fs";

/** A file of JSON lines that several processes append to, and that each of them reads in the same order. */
export interface LedgerFile {
  /** Appends one line. It is in the file when this returns, whatever becomes of the process. */
  append(line: object): void;
  /** The lines that were appended since the last call, by whichever process. */
  readNew(): unknown[];
  close(): void;
}

const CHUNK_BYTES = 65_536;
const NEWLINE = 0x0a;

/** Opens the file, and makes it where there is none. */
export function openLedgerFile(path: string): LedgerFile {
  // With O_APPEND the kernel puts each write at the end of the file, one after the other: that is the order of the lines.
  const file = openSync(path, "a+");
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let readBytes = 0;
  let unread = Buffer.alloc(0);

  function readNew(): unknown[] {
    for (;;) {
      const lengthBytes = readSync(file, chunk, 0, chunk.length, readBytes);
      if (lengthBytes === 0) break;
      readBytes += lengthBytes;
      unread = Buffer.concat([unread, chunk.subarray(0, lengthBytes)]);
    }
    const endsAt = unread.lastIndexOf(NEWLINE) + 1;
    const lines = unread.toString("utf8", 0, endsAt).split("\n");
    unread = unread.subarray(endsAt);
    return lines.flatMap(parsed);
  }

  return {
    // The newline in front ends a line that a dying process left half written, so that this one stands by itself.
    append: (line) => void writeSync(file, `\n${JSON.stringify(line)}\n`),
    readNew,
    close: () => closeSync(file),
  };
}

/** What a killed process left half written is no line: its writer never heard that it was in the file. */
function parsed(text: string): unknown[] {
  if (text === "") return [];
  try {
    return [JSON.parse(text)];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
