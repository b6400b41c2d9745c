import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Archive } from "./archive";

/**
 * What can be done to an archive: a file of the newest base backup loses its second half or has a byte that is another one, or the newest WAL
 * segment is gone.
 */
export type Harm = "truncate" | "alter" | "remove-wal";

export interface Damage {
  /** For people. */
  what: string;
  undo: () => void;
}

/** @param id of the instance whose archive it is @throws Error where there is nothing to harm */
export function harm(id: string, archive: Archive, kind: Harm): Damage {
  if (kind === "remove-wal") return removeWal(id, archive);
  const base = archive.bases.at(-1);
  if (!base) throw new Error(`${id} has no base backup`);
  const file = largestOf(join(archive.baseFolder(base.name), "base"));
  const kept = join(archive.folder, "undamaged");
  copyFileSync(file, kept);
  const bytes = readFileSync(file);
  if (kind === "truncate") {
    truncateSync(file, Math.floor(bytes.length / 2));
  } else {
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
    writeFileSync(file, bytes);
  }
  return {
    what: `${id}: ${kind === "truncate" ? "truncated" : "altered"} ${file}`,
    undo: () => {
      // It may have been dropped meanwhile.
      if (existsSync(file)) writeFileSync(file, readFileSync(kept));
    },
  };
}

function removeWal(id: string, archive: Archive): Damage {
  const wal = archive.mark?.wal;
  if (wal === undefined) throw new Error(`${id} has no archived WAL`);
  const kept = join(archive.folder, wal);
  const file = join(archive.walFolder, wal);
  renameSync(file, kept);
  return {
    what: `${id}: removed WAL segment ${wal}`,
    undo: () => {
      if (existsSync(kept)) renameSync(kept, file);
    },
  };
}

function largestOf(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const [largest] = files.sort((a, b) => statSync(b).size - statSync(a).size);
  if (largest === undefined) throw new Error(`${folder} is empty`);
  return largest;
}
