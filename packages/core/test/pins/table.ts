/** The rows of a table that stands in a test as a text: its first line names the columns, two spaces part the cells. */
export function rowsOf(text: string): readonly Readonly<Record<string, string>>[] {
  const [head = "", ...rows] = text.trim().split("\n");
  const names = head.split(/ {2,}/);
  return rows.map((row) => {
    const cells = row.split(/ {2,}/);
    if (cells.length !== names.length) throw new Error(`a row of ${cells.length} cells: ${row}`);
    return Object.fromEntries(names.map((name, at) => [name, cells[at] ?? ""]));
  });
}

/** The cell of a row. */
export function cell(row: Readonly<Record<string, string>>, name: string): string {
  const found = row[name];
  if (found === undefined) throw new Error(`the table has no column ${name}`);
  return found;
}
