/** What the scripts of a registry answer, read from its bytes. Web APIs only, as `reply.ts`. */
import { OnceoverError } from "@onceover/core";
import type { RegistryEntry } from "@onceover/core/revisions";

/** What stands in front of each text of a list: id, age, since, and how many bytes the text has. */
const HEAD = /^\|([0-9A-Za-z._-]{1,64})\|(\d{1,16})\|(\d{1,16})\|(\d{1,6})\|/;
const LONGEST_HEAD_BYTES = 128;

// A text may begin with a byte order mark, and keeps it.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function decodeAnnounced(bytes: Uint8Array): void {
  const word = wordOf(bytes);
  if (word !== "O") throw unexpected(word);
}

export function decodeCounted(bytes: Uint8Array): number {
  const word = wordOf(bytes);
  const [, sum] = /^C\|(\d{1,16})$/.exec(word) ?? [];
  if (sum === undefined) throw unexpected(word);
  return Number(sum);
}

export function decodeListed(bytes: Uint8Array): readonly RegistryEntry[] {
  const word = wordOf(bytes);
  const [start, count] = /^L(\d{1,6})/.exec(word) ?? [];
  if (start === undefined) throw unexpected(word);
  const entries: RegistryEntry[] = [];
  for (let at = start.length; at < bytes.length; ) {
    const { entry, end } = decodeEntry(bytes, at);
    entries.push(entry);
    at = end;
  }
  if (entries.length !== Number(count)) throw unexpected("");
  return entries;
}

function decodeEntry(bytes: Uint8Array, at: number): { readonly entry: RegistryEntry; readonly end: number } {
  const [head, id = "", ageMs, sinceMs, length] = HEAD.exec(wordOf(bytes.subarray(at))) ?? [];
  if (head === undefined) throw unexpected("X");
  const begins = at + head.length;
  const end = begins + Number(length);
  if (end > bytes.length) throw unexpected("");
  const text = textOf(bytes.subarray(begins, end));
  return { entry: { id, text, ageMs: Number(ageMs), sinceMs: Number(sinceMs) }, end };
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw unexpected("X");
  }
}

function wordOf(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, null, bytes.subarray(0, LONGEST_HEAD_BYTES));
}

/** Whatever cannot be read is as good as out of reach: a list with something missing would be taken for the whole. */
function unexpected(word: string): OnceoverError {
  const message =
    word === "X"
      ? "Redis holds something among the revisions that this version of onceover cannot read"
      : "Redis answered with something that no script of ours answers";
  return new OnceoverError("store-unavailable", message);
}
