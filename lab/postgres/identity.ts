import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Identity {
  /** For the log and `lab status`. */
  description: string;
  /** The command line that runs `command` under this identity, in the same process (the wrapper replaces itself). */
  wrap(command: string, args: string[]): { command: string; args: string[] };
}

/**
 * Under which identity PostgreSQL runs. Its programs refuse root, and where root runs the lab, the lab's folder and the
 * binaries may lie below a folder that only root may enter (`/root`), so dropping to another user alone is not enough.
 *
 * - not root: as the lab itself.
 * - `setpriv`: another user that keeps one capability, dac_override, so folders and files of root stay open to it.
 *   Needs no more than what root has even in an ordinary container.
 * - `unshare`: a user namespace that shows root's id as another one; the kernel still sees root's ownership. For
 *   machines whose root lacks that capability, if they allow user namespaces.
 *
 * Each way is tried on the real folder and binary before it is taken.
 *
 * @param folder where the data will live; must exist
 * @param binary a program of PostgreSQL that must be reachable
 * @throws Error that says what to do, when root can use none of them
 */
export async function databaseIdentity(
  folder: string,
  binary: string,
  { uid = process.getuid?.(), ways = Object.values(WAYS) }: { uid?: number; ways?: ((user: User) => Identity)[] } = {},
): Promise<Identity> {
  if (uid !== 0) return { description: "the lab's own user", wrap: (command, args) => ({ command, args }) };
  const user = await unprivilegedUser();
  const failures: string[] = [];
  for (const candidate of ways.map((way) => way(user))) {
    const probe = candidate.wrap("/bin/sh", ["-c", 'test "$(id -u)" -ne 0 && test -w "$1" && test -x "$2"', "sh", folder, binary]);
    try {
      await run(probe.command, probe.args);
      return candidate;
    } catch (error) {
      const { stderr = "", message } = error as Error & { stderr?: string };
      failures.push(`${candidate.description}: ${stderr.trim() || message.split("\n")[0]}`);
    }
  }
  throw new Error(
    `postgres: PostgreSQL does not run as root, and no way to drop root reaches ${folder} and ${binary} ` +
      `(${failures.join("; ")}). Start the lab as an ordinary user, or install util-linux (setpriv).`,
  );
}

export interface User {
  name: string;
  uid: number;
  gid: number;
}

/** `postgres` where a package made it, else `nobody`. initdb looks its user up, so the id must have a name. */
export async function unprivilegedUser(): Promise<User> {
  for (const name of ["postgres", "nobody"]) {
    try {
      const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
      return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      // the next one
    }
  }
  throw new Error(
    "postgres: PostgreSQL does not run as root, and there is no user `postgres` or `nobody`. Start the lab as an ordinary user.",
  );
}

function setpriv({ name, uid, gid }: User): Identity {
  const flags = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"];
  return {
    description: `user ${name} with capability dac_override (setpriv)`,
    wrap: (command, args) => ({ command: "setpriv", args: [...flags, "--", command, ...args] }),
  };
}

function unshare({ name, uid, gid }: User): Identity {
  const flags = ["--user", `--map-user=${uid}`, `--map-group=${gid}`];
  return {
    description: `user namespace that maps root to ${name} (unshare)`,
    wrap: (command, args) => ({ command: "unshare", args: [...flags, "--", command, ...args] }),
  };
}

/** How root can be dropped, in the order in which they are tried. */
export const WAYS = { setpriv, unshare };
