/**
 * Bytes on a way that carries text only.
 *
 * Upstash's REST interface takes JSON and the client reads replies as UTF-8, so that a byte above 127 would not arrive
 * as it left. Each byte therefore travels as the character of the same number, and the script changes characters to
 * bytes on arrival and bytes to characters in its reply. Records are kept as bytes, as every other client of this
 * database keeps them.
 *
 * Not base64, because Lua takes 5 to 16 ms for 64 KiB of it where one `gsub` takes 0.4 (ASCII) to 2.1 (random bytes), and
 * nothing else runs on the server meanwhile. What is ASCII, as most answers are, grows by nothing.
 */

/** The same script for callers that send and receive text: its lines are the body of `verb`, word for word. */
export function asText(lua: string): string {
  return `-- text in, text out
local function verb(KEYS, ARGV)
${lua}end
local high = '[' .. string.char(128) .. '-' .. string.char(255) .. ']'
local wide = '[' .. string.char(194, 195) .. '][' .. string.char(128) .. '-' .. string.char(191) .. ']'
local function change(text, pattern, to_text)
  if not string.find(text, high) then return text end
  local other = {}
  for byte = 128, 255 do
    local one, two = string.char(byte), string.char(192 + math.floor(byte / 64), 128 + byte % 64)
    if to_text then other[one] = two else other[two] = one end
  end
  return (string.gsub(text, pattern, other))
end
local args = {}
for i = 1, #ARGV do args[i] = change(ARGV[i], wide, false) end
return change(verb(KEYS, args), high, true)
`;
}

/** The most arguments a call is given at once; some runtimes bound their number. */
const CHUNK = 8192;

/** One character for each byte, of the same number. */
export function textOf(bytes: Uint8Array): string {
  const chunks: string[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK) {
    chunks.push(Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + CHUNK)));
  }
  return chunks.join("");
}

/** One byte for each character; nothing where a character is none of a byte. */
export function bytesOf(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 255) return undefined;
    bytes[at] = code;
  }
  return bytes;
}
