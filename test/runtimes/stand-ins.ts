/**
 * What the tests, never the code under test, take from Node, for places that have none. `bundle.ts` gives it to test
 * files alone: code under test that reached for any of it would find nothing.
 */

/** As much of Node's `Buffer` as the tests use. */
export const Buffer = {
  from: (source: string | Iterable<number>, encoding?: string): Bytes =>
    new Bytes(typeof source === "string" ? bytesOf(source, encoding) : Uint8Array.from(source)),
  concat: (pieces: readonly Uint8Array[]): Bytes => new Bytes(pieces.flatMap((piece) => [...piece])),
  compare(a: Uint8Array, b: Uint8Array): number {
    const at = a.findIndex((byte, index) => byte !== b[index]);
    return at === -1 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? 0);
  },
};

class Bytes extends Uint8Array {
  override toString(encoding = "utf8"): string {
    if (encoding === "utf8") return new TextDecoder().decode(this);
    if (encoding === "latin1") return Array.from(this, (byte) => String.fromCharCode(byte)).join("");
    if (encoding === "hex") return Array.from(this, (byte) => byte.toString(16).padStart(2, "0")).join("");
    throw new TypeError(`no stand-in for the encoding ${encoding}`);
  }
}

function bytesOf(text: string, encoding = "utf8"): Uint8Array {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
  switch (encoding) {
    case "utf8":
      return new TextEncoder().encode(text);
    case "latin1":
      return Uint8Array.from(units, (unit) => unit & 255);
    case "utf16le":
      return Uint8Array.from(units.flatMap((unit) => [unit & 255, unit >> 8]));
    case "hex":
      return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
    default:
      throw new TypeError(`no stand-in for the encoding ${encoding}`);
  }
}

export function setImmediate(then: () => void): void {
  setTimeout(then, 0);
}

/** Node's `createHash("sha256")`, which WebCrypto's cannot stand in for: it is not synchronous. */
export function createHash(_algorithm: "sha256") {
  let input: Uint8Array = new Uint8Array();
  const hash = {
    update(data: string | Uint8Array) {
      input = typeof data === "string" ? new TextEncoder().encode(data) : data;
      return hash;
    },
    digest: (_encoding: "base64url") => base64url(sha256(input)),
  };
  return hash;
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** FIPS 180-4, section 6.2. */
function sha256(input: Uint8Array): Uint8Array {
  const { roots, cubes } = constants();
  const state = Uint32Array.from(roots);
  const padded = padding(input);
  for (let at = 0; at < padded.byteLength; at += 64) compress(state, cubes, new DataView(padded.buffer, at, 64));
  const digest = new DataView(new ArrayBuffer(32));
  for (const [at, word] of state.entries()) digest.setUint32(4 * at, word);
  return new Uint8Array(digest.buffer);
}

function padding(input: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((input.length + 9) / 64) * 64);
  padded.set(input);
  padded[input.length] = 0x80;
  new DataView(padded.buffer).setUint32(padded.length - 4, input.length * 8);
  return padded;
}

function compress(state: Uint32Array, cubes: readonly number[], block: DataView): void {
  const words = Array.from({ length: 16 }, (_, at) => block.getUint32(4 * at));
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (const [at, cube] of cubes.entries()) {
    const word = words[at] ?? schedule(words, at);
    words[at] = word;
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + cube + word) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  for (const [at, value] of [a, b, c, d, e, f, g, h].entries()) state[at] = (state[at] ?? 0) + value;
}

function schedule(words: readonly number[], at: number): number {
  const [w2 = 0, w7 = 0, w15 = 0, w16 = 0] = [2, 7, 15, 16].map((back) => words[at - back]);
  const near = turn(w15, 7) ^ turn(w15, 18) ^ (w15 >>> 3);
  const far = turn(w2, 17) ^ turn(w2, 19) ^ (w2 >>> 10);
  return (w16 + near + w7 + far) | 0;
}

function turn(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

/** The first 32 bits behind the point of the square and cube roots of the first primes. */
function constants(): { readonly roots: readonly number[]; readonly cubes: readonly number[] } {
  const primes = Array.from({ length: 312 }, (_, at) => at).filter(isPrime);
  const fraction = (root: number) => ((root % 1) * 2 ** 32) | 0;
  return {
    roots: primes.slice(0, 8).map((p) => fraction(Math.sqrt(p))),
    cubes: primes.map((p) => fraction(Math.cbrt(p))),
  };
}

function isPrime(n: number): boolean {
  for (let by = 2; by * by <= n; by += 1) if (n % by === 0) return false;
  return n > 1;
}
