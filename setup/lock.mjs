import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processLives, startTimeOf } from "./process.mjs";

const POLL_MS = 250;
/** Breaking a lock takes a few file operations; a breaker that has not ended after this was killed. */
const BREAKING_MS = 10_000;

export async function withLock(file, work, onWait) {
  mkdirSync(dirname(file), { recursive: true });
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), startTime: startTimeOf(process.pid) });
  let told = false;
  while (!take(file, mine)) {
    const owner = ownerOf(file);
    if (owner === undefined) continue;
    if (!lives(owner)) breakLock(file);
    else {
      if (!told) onWait?.(owner);
      told = true;
      await sleep(POLL_MS);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** Written aside and linked into place, so that no one ever reads a lock that has no owner in it yet. */
function take(file, content) {
  const aside = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(aside, content);
  try {
    linkSync(aside, file);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Only one process breaks at a time, and it looks again first: else the second would break what the first has just taken. */
function breakLock(file) {
  const breaking = `${file}.breaking`;
  try {
    mkdirSync(breaking);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    const since = statSync(breaking, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && Date.now() - since > BREAKING_MS) rmSync(breaking, { recursive: true, force: true });
    return;
  }
  try {
    const owner = ownerOf(file);
    if (owner !== undefined && !lives(owner)) rmSync(file, { force: true });
  } finally {
    rmSync(breaking, { recursive: true, force: true });
  }
}

function ownerOf(file) {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file} is no lock of Changeover: remove it`);
  }
}

function lives(owner) {
  return owner.host !== hostname() || processLives(owner);
}
