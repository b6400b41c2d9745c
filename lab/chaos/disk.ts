import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** tmpfs counts in pages. */
const PAGE = 4_096;
/** What a disk has that was full and is not any more. */
const ROOMY = 64 * 1_024 * 1_024;

/**
 * Puts a folder on a disk of its own, a tmpfs over it, with its files and so much room left.
 * @param leaveBytes rounded up to whole pages of 4096 bytes; 0: not one more byte fits, but in the last page of a file
 * @throws where this process may not mount
 */
export async function fillDisk(folder: string, leaveBytes: number): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isMountPoint(folder)) throw new Error(`${folder} is on a disk of its own already; end that first`);
  const kept = mkdtempSync(join(tmpdir(), "changeover-journals-"));
  try {
    copyFiles(folder, kept);
    const pages = readdirSync(kept).reduce((sum, name) => sum + Math.ceil(statSync(join(kept, name)).size / PAGE), 0);
    // Without any page of its own a tmpfs would have no bound at all.
    const size = Math.max(1, pages + Math.ceil(leaveBytes / PAGE)) * PAGE;
    try {
      await run("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0700`, "changeover-lab", folder]);
    } catch (error) {
      const { stderr = "", message } = error as Error & { stderr?: string };
      throw new Error(
        `a small file system could not be mounted over ${folder} (${stderr.trim() || message}); mounting needs root, or the capability CAP_SYS_ADMIN: run the lab as such a user`,
        { cause: error },
      );
    }
    copyFiles(kept, folder);
  } finally {
    rmSync(kept, { recursive: true });
  }
}

/**
 * Makes room on the folder's own disk, then takes that away; what was written to it stays in the folder.
 * @throws where a process has a file there open; it has room then
 */
export async function freeDisk(folder: string): Promise<void> {
  if (!isMountPoint(folder)) return;
  await run("mount", ["-o", `remount,size=${ROOMY}`, folder]);
  const kept = mkdtempSync(join(tmpdir(), "changeover-journals-"));
  try {
    copyFiles(folder, kept);
    try {
      await run("umount", [folder]);
    } catch (error) {
      const { stderr = "", message } = error as Error & { stderr?: string };
      throw new Error(`there is room again, but ${folder} stays a disk of its own while it is in use: ${stderr.trim() || message}`, {
        cause: error,
      });
    }
    copyFiles(kept, folder);
  } finally {
    rmSync(kept, { recursive: true });
  }
}

/** Takes a folder's own disk away with all that is on it, be it in use. For a lab that goes down, or was killed. */
export function dropDisk(folder: string): void {
  if (isMountPoint(folder)) execFileSync("umount", ["--lazy", folder], { stdio: "pipe" });
}

function isMountPoint(folder: string): boolean {
  let path: string;
  try {
    path = realpathSync(folder);
  } catch {
    return false;
  }
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .some((line) => unescaped(line.split(" ")[4] ?? "") === path);
}

/** The kernel writes blanks and the like in mount points as `\040`. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function copyFiles(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isFile()) copyFileSync(join(from, entry.name), join(to, entry.name));
  }
}
