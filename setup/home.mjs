import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The cache folder: everything downloaded or built is in it. `$CHANGEOVER_HOME`, or `~/.changeover`. */
export function changeoverHome() {
  const set = process.env.CHANGEOVER_HOME;
  return set ? resolve(set) : join(homedir(), ".changeover");
}
