import { stripVTControlCharacters, styleText } from "node:util";

/** Columns as wide as their widest cell; colours do not count. */
export function table(headers: string[], rows: string[][]): string {
  const widths = headers.map((header, i) => Math.max(header.length, ...rows.map((row) => visible(row[i] ?? ""))));
  const line = (cells: string[]): string =>
    cells
      .map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - visible(cell)))
      .join("  ")
      .trimEnd();
  return [paint.bold(line(headers)), ...rows.map(line)].join("\n");
}

function visible(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** One line of text on standard output. */
export function say(text = ""): void {
  process.stdout.write(`${text}\n`);
}

/** One JSON document on standard output. */
export function sayJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Colours for what goes to a stream: none where it is no terminal, unless FORCE_COLOR asks for them; NO_COLOR turns them off. */
export function paintFor(stream: NodeJS.WritableStream) {
  const style = (format: "bold" | "dim" | "red" | "green" | "yellow" | "cyan") => (text: string) => styleText(format, text, { stream });
  return {
    bold: style("bold"),
    dim: style("dim"),
    red: style("red"),
    green: style("green"),
    yellow: style("yellow"),
    cyan: style("cyan"),
  };
}

/** For standard output. */
export const paint = paintFor(process.stdout);
/** For standard error. */
export const paintError = paintFor(process.stderr);
