/** What a text of SQL may hold that is no statement: strings, quoted names, comments. */
const INERT =
  /\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\//g;

const WORDS = /\b(?:begin|start|commit|end|rollback|abort|prepare)\b/i;

/** How statements begin that open or end a transaction; `ROLLBACK TO` a savepoint does neither. */
const ENDS =
  /^(?:begin|commit|end|abort|start\s+transaction|prepare\s+transaction|rollback(?!\s+(?:(?:work|transaction)\s+)?to\b))\b/i;

/**
 * The statement in a text that would open or end a transaction, if there is one. It is there to catch what is written by
 * mistake, and knows SQL no better than that takes; the record is guarded by the database itself.
 */
export function endOfTransaction(text: string): string | undefined {
  if (!WORDS.test(text)) return undefined;
  const statements = text.replace(INERT, " ").split(";");
  const found = statements.map((statement) => statement.trim()).find((statement) => ENDS.test(statement));
  return found === undefined ? undefined : (ENDS.exec(found)?.[0] ?? "").replace(/\s+/g, " ").toUpperCase();
}
