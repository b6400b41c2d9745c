import { copyFile, link, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Files under way at once. */
const WIDTH = 32;

/** A copy: what is placed so may be changed without the original. */
export async function copyTo(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}

/**
 * Places Node packages, hard-linked where the file system allows: they are many and nobody edits them in place. Packages
 * inside packages stand in the list by themselves.
 * @returns how many files were linked, and how many had to be copied
 */
export async function placePackages(root: string, to: string, packages: readonly string[]): Promise<{ linked: number; copied: number }> {
  const count = { linked: 0, copied: 0 };
  const place = async (folder: string): Promise<void> => {
    await mkdir(join(to, folder), { recursive: true });
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== "node_modules") await place(path);
      } else if (entry.isSymbolicLink()) await symlink(await readlink(join(root, path)), join(to, path));
      else if (await linked(join(root, path), join(to, path))) count.linked += 1;
      else count.copied += 1;
    }
  };
  await overAll(packages, place);
  return count;
}

/** @returns false where the file had to be copied: another file system, or one without links */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (!["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EACCES"].includes(code)) throw error;
    await copyFile(from, to);
    return false;
  }
}

/** Does something with each item, a few at a time. */
export async function overAll<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}
