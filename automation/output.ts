import pc from "picocolors";

/** Columns as wide as their widest cell; colours do not count. */
export function table(headers: string[], rows: string[][]): string {
  const widths = headers.map((header, i) => Math.max(header.length, ...rows.map((row) => visible(row[i] ?? ""))));
  const line = (cells: string[]): string =>
    cells
      .map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - visible(cell)))
      .join("  ")
      .trimEnd();
  return [pc.bold(line(headers)), ...rows.map(line)].join("\n");
}

function visible(text: string): number {
  // eslint-disable-next-line no-control-regex -- the escape is what a colour begins with
  return text.replace(/\u001b\[\d+m/g, "").length;
}

/** One line of text on standard output. */
export function say(text = ""): void {
  process.stdout.write(`${text}\n`);
}

/** One JSON document on standard output. */
export function sayJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export const paint = pc;
