import { createReadStream } from "node:fs";

/** Options of `filePins`. */
export interface FilePinsOptions {
  /** The file: a JSON object in UTF-8 such as `{"schemaRev": 12, "indexHash": "9f2c"}`, of at most 64 KiB. */
  readonly path: string;
}

const MOST_BYTES = 65_536;

/**
 * Makes a function that reads from a file what the backend has, anew at each call. Change the file by writing another one beside
 * it and renaming that over it: one that is written in place may be read half. It rejects with an `Error` where the file
 * cannot be read, is larger than 64 KiB or holds no JSON object.
 *
 * @throws TypeError where `path` is none
 */
export function filePins({ path }: FilePinsOptions): () => Promise<Readonly<Record<string, unknown>>> {
  if (typeof path !== "string" || path.trim() === "" || path.includes("\0")) {
    throw new TypeError(`path must be the path of a file, got ${JSON.stringify(path)}`);
  }
  return async function readPins() {
    const bytes = await readAtMost(path, MOST_BYTES + 1);
    if (bytes.length > MOST_BYTES) throw new Error(`the pins' file ${path} must be of at most ${MOST_BYTES} bytes`);
    return objectOf(path, bytes);
  };
}

/** Reads no more than `most` bytes, however large the file is. */
async function readAtMost(path: string, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(path, { end: most - 1 })) chunks.push(chunk);
  } catch (cause) {
    throw new Error(`the pins' file ${path} could not be read: ${wordsOf(cause)}`, { cause });
  }
  return Buffer.concat(chunks);
}

function objectOf(path: string, bytes: Buffer): Readonly<Record<string, unknown>> {
  const value = parsed(path, bytes);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  const got = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  throw new Error(`the pins' file ${path} must hold a JSON object, got ${got}`);
}

function parsed(path: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Error(`the pins' file ${path} must hold a JSON object: ${wordsOf(cause)}`, { cause });
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
