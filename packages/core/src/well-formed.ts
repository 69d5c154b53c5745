/** Whether a text has no half characters: lone surrogates all become the same replacement character where text becomes bytes. */
export function isWellFormed(text: string): boolean {
  return !/\p{Cs}/u.test(text);
}
