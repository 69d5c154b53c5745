/** The rows of all Markdown tables in a text, each cell by the head of its column. */
export function rowsOf(text: string): Record<string, string>[] {
  let head: string[] = [];
  return text.split("\n").flatMap((line, at, lines) => {
    if (!line.startsWith("| ")) return [];
    const cells = line.slice(2, -2).split(" | ");
    if (!lines[at + 1]?.startsWith("|---")) {
      return [Object.fromEntries(cells.map((cell, column) => [head[column], cell]))];
    }
    head = cells;
    return [];
  });
}
