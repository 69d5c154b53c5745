import type { Context } from "hono";

/** The text a response was made of; `undefined` where it was not made by the context, or not of text. */
export type TextOf = (response: Response) => string | undefined;

/**
 * Watches what the handler makes by `c.json`, `c.text` and `c.html`: to read it from the finished response would cost more
 * than making it. A middleware that puts another response in its place puts it past this, and is read.
 */
export function watchTexts(c: Context): TextOf {
  // The last one is as a rule the answer; any other is read.
  let last: { readonly response: Response; readonly text: string } | undefined;
  const { body, text, html } = c;
  const noted = (response: unknown, made: unknown) => {
    if (response instanceof Response && typeof made === "string") last = { response, text: made };
    return response;
  };
  const json = (value: unknown, given: never, headers: object | undefined) => {
    const made = JSON.stringify(value);
    return noted(Reflect.apply(body, c, [made, given, { "Content-Type": "application/json", ...headers }]), made);
  };
  Object.assign(c, {
    json,
    text: (...args: Parameters<typeof text>) => noted(Reflect.apply(text, c, args), args[0]),
    html: (...args: Parameters<typeof html>) => noted(Reflect.apply(html, c, args), args[0]),
  });
  return (response) => (last?.response === response ? last.text : undefined);
}
