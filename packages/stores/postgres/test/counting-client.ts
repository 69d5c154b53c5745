import pg from "pg";

/** A client that notes the name of each statement it sends, and whether it was prepared under a name. */
export function counting(sent: string[]): new () => pg.Client {
  return class extends pg.Client {
    // Typed by what it does with its arguments: there are many ways to call it.
    override query(...args: unknown[]): never {
      const [first] = args as [string | { readonly text: string; readonly name?: string }];
      const text = typeof first === "string" ? first : first.text;
      sent.push(/^-- onceover (\w+)/.exec(text)?.[1] ?? text);
      if (typeof first !== "string" && first.name !== undefined) sent.push(`named ${first.name}`);
      return (super.query as (...all: unknown[]) => never)(...args);
    }
  };
}
