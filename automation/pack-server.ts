import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What `policies/index.js` answers with, where it is set. */
export const PACK_AT = "CHANGEOVER_POLICIES_AT";

/** One policy pack that any number of engines may ask. */
export interface PackServer {
  port: string;
  close(): void;
}

/**
 * Starts the pack once, for all the stacks of a command: to load it takes longer than what it says of a stack.
 * @param folder of the pack @throws with what it said, where it does not start
 */
export async function servePack(folder: string): Promise<PackServer> {
  const child = spawn(process.execPath, ["index.js"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2_000)));
  const close = (): void => void child.kill();
  process.once("exit", close);
  const port = await new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => {
      reject(new Error(`the policy pack in ${folder} does not start: ${said.trim().split("\n").slice(-3).join(" / ")}`));
    });
    createInterface(child.stdout).once("line", resolve);
  });
  return {
    port,
    close: () => {
      process.removeListener("exit", close);
      close();
    },
  };
}
