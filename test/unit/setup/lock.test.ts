import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import { withLock } from "../../../setup/lock.mjs";
import { scratchHome } from "./scratch";

const home = scratchHome();
const lockFile = (): string => join(home.path, "locks", "part.lock");

function leave(owner: object): void {
  mkdirSync(dirname(lockFile()), { recursive: true });
  writeFileSync(lockFile(), JSON.stringify(owner));
}

test("holds the lock while the work runs and leaves nothing, also when the work fails", async () => {
  await withLock(lockFile(), () => {
    expect(JSON.parse(readFileSync(lockFile(), "utf8"))).toMatchObject({ pid: process.pid });
    return Promise.resolve();
  });
  await expect(withLock(lockFile(), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(readdirSync(dirname(lockFile()))).toEqual([]);
});

test("lets one in at a time and says whom it waits for", async () => {
  let inside = 0;
  let most = 0;
  const onWait = vi.fn();
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise((resolveSoon) => setTimeout(resolveSoon, 20));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withLock(lockFile(), work, onWait)));
  expect(most).toBe(1);
  expect(onWait).toHaveBeenCalledWith(expect.objectContaining({ pid: process.pid }));
});

test("breaks the lock of a process that was killed", async () => {
  const module = pathToFileURL(resolve(__dirname, "../../../setup/lock.mjs")).href;
  const script = `import { withLock } from ${JSON.stringify(module)};
    await withLock(${JSON.stringify(lockFile())}, () => new Promise((r) => { console.log("in"); setTimeout(r, 60_000); }));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(existsSync(lockFile())).toBe(true);
  expect(await withLock(lockFile(), () => Promise.resolve("mine"))).toBe("mine");
});

test("a later process with the same pid is not the owner", async () => {
  leave({ pid: process.pid, host: hostname(), startTime: "1" });
  expect(await withLock(lockFile(), () => Promise.resolve("mine"))).toBe("mine");
});

test("an owner on another host is waited for", async () => {
  leave({ pid: 1, host: "elsewhere", startTime: "1" });
  const work = vi.fn(() => Promise.resolve());
  const onWait = vi.fn();
  const waiting = withLock(lockFile(), work, onWait);
  await vi.waitFor(() => {
    expect(onWait).toHaveBeenCalledWith(expect.objectContaining({ host: "elsewhere" }));
  });
  expect(work).not.toHaveBeenCalled();
  leave({ pid: 1, host: hostname(), startTime: "a process that has ended" });
  await waiting;
  expect(work).toHaveBeenCalledTimes(1);
});
