import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Refused } from "../automation/errors";
import { startTimeOf } from "../setup/process.mjs";
import { dropDisk } from "./chaos/disk";
import { askLab, runningLab } from "./control";
import { labFiles } from "./folder";
import { ProcessTable } from "./processes";

/** Ends the lab of a folder and removes its files. @returns what was done, as a sentence @throws Refused for another checkout's lab */
export async function labDown(folder: string, root: string): Promise<string> {
  const running = await runningLab();
  if (running && running.folder !== folder) {
    throw new Refused(`the lab on this machine belongs to ${running.folder} (pid ${running.pid})`, "take it down from its own checkout");
  }
  if (running) {
    const started = startTimeOf(running.pid);
    await askLab("POST", "/stop", {});
    for (let i = 0; i < 300 && startTimeOf(running.pid) === started && started !== ""; i++) await sleep(50);
  }
  const swept = await ProcessTable.sweep(folder);
  removeFiles(folder, root);
  if (running) return "the lab is down";
  return swept > 0 ? `no lab answered; ended ${swept} processes that one had left` : "no lab was up";
}

/** The lab's folder and the stacks' config that it made in the checkout. */
export function removeFiles(folder: string, root: string): void {
  dropDisk(labFiles(folder).journals);
  rmSync(folder, { recursive: true, force: true });
  for (const name of readdirSync(root)) if (/^Pulumi\.lab-[a-z0-9-]+\.yaml$/.test(name)) rmSync(join(root, name));
}
