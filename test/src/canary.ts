/** Secrets that are planted, and the search for what is left of them, in whatever form. */

/** Where a secret is planted: each place has one of its own, so that a trace says where it came from. */
export const PLACES = [
  "key",
  "scope",
  "authorization",
  "target",
  "request-header",
  "request-body",
  "answer-header",
  "answer-cookie",
  "answer-body",
] as const;

export type Place = (typeof PLACES)[number];

/** One secret for each place. */
export type Canaries = Readonly<Record<Place, string>>;

const SLICE_BYTES = 1_000_000;
/** No form of a secret is as long. */
const OVERLAP_BYTES = 1_000;

/** What every secret begins and ends with. */
const MARK = "CaNarY";

/** Draws the secrets: letters and digits only, so that no encoding has a reason to change a single one of them. */
export function plantCanaries(): Canaries {
  const secret = () => `${MARK}${crypto.randomUUID().replaceAll("-", "")}${MARK}`;
  return Object.fromEntries(PLACES.map((place) => [place, secret()])) as Canaries;
}

/** The traces of the secrets in some bytes, such as `request-body as base64`, each once. */
export function tracesIn(bytes: Buffer, canaries: Canaries): string[] {
  const forms = PLACES.flatMap((place) => formsOf(canaries[place]).map((form) => ({ place, ...form })));
  const found = slicesOf(bytes).flatMap((slice) => forms.filter(({ needle }) => slice.includes(needle)));
  return [...new Set(found.map(({ place, form }) => `${place} as ${form}`))];
}

/** Many megabytes are searched, and hardly any have what all secrets have: the rest is left out. */
function slicesOf(bytes: Buffer): readonly Buffer[] {
  // Bytes that are shown as numbers come in lines and columns; what is longer is no text that somebody laid out.
  if (bytes.length < SLICE_BYTES) return [bytes, Buffer.from(bytes.toString("latin1").replaceAll(/\s+/g, ""))];
  const marks = formsOf(MARK);
  return Array.from({ length: Math.ceil(bytes.length / SLICE_BYTES) }, (_, index) =>
    bytes.subarray(index * SLICE_BYTES, (index + 1) * SLICE_BYTES + OVERLAP_BYTES),
  ).filter((slice) => marks.some(({ needle }) => slice.includes(needle)));
}

interface Form {
  readonly form: string;
  readonly needle: Buffer;
}

function formsOf(secret: string): readonly Form[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const base64 = [0, 1, 2].map((offset) => innerBase64(bytes, offset));
  const texts: Readonly<Record<string, readonly string[]>> = {
    text: [secret, secret.toLowerCase(), secret.toUpperCase()],
    base64,
    base64url: base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    hex: [hex, hex.toUpperCase()],
    "percent-encoding": [hex, hex.toUpperCase()].map((each) => each.replaceAll(/../g, "%$&")),
    "escaped hex": [hex, hex.toUpperCase()].flatMap((each) =>
      ["\\x", "\\u00"].map((by) => each.replaceAll(/../g, `${by}$&`)),
    ),
    numbers: [[...bytes].join(",")],
    "text backwards": [[...secret].reverse().join("")],
  };
  const wide = Buffer.from(secret, "utf16le");
  return [
    ...Object.entries(texts).flatMap(([form, all]) => all.map((text) => ({ form, needle: Buffer.from(text) }))),
    { form: "UTF-16", needle: wide },
    { form: "UTF-16, big-endian", needle: Buffer.from(wide).swap16() },
  ];
}

/** What stands in the base64 of any text that has the secret `offset` bytes behind a multiple of three. */
function innerBase64(secret: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), secret]).toString("base64");
  return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + secret.length) * 8) / 6));
}
