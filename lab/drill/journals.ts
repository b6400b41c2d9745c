import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * Copies the journals of a drill's incidents, each as it is, so that its chain of hashes can still be checked:
 * `journal-<incident>.jsonl` for each, and the first one's also as `journal.jsonl`.
 * @param journals paths, in the order of the incidents
 * @returns names of the copies
 */
export function copyJournals(journals: readonly string[], out: string): string[] {
  const [first] = journals;
  return [
    ...(first === undefined ? [] : copyAs(first, out, "journal.jsonl")),
    ...journals.flatMap((journal) => copyAs(journal, out, `journal-${basename(journal)}`)),
  ];
}

/** Copies files under their own names. @returns the names */
export function copyFiles(files: readonly string[], out: string): string[] {
  return files.flatMap((file) => copyAs(file, out, basename(file)));
}

function copyAs(file: string, out: string, name: string): string[] {
  if (!existsSync(file)) return [];
  mkdirSync(out, { recursive: true });
  copyFileSync(file, join(out, name));
  return [name];
}
