import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { changeoverHome } from "./home.mjs";
import { withLock } from "./lock.mjs";

/**
 * npm writes down what it has installed in `node_modules/.package-lock.json`, as its last act. Newer than the lock file is enough;
 * an older one (a checkout touches files, `npm install` writes the lock file after it) is compared package by package.
 */
export function stalePackages(root) {
  const wanted = statSync(join(root, "package-lock.json")).mtimeMs;
  const installed = statSync(join(root, "node_modules/.package-lock.json"), { throwIfNoEntry: false })?.mtimeMs;
  if (installed === undefined) return "node_modules is missing or half made";
  if (installed >= wanted) return undefined;
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const have = JSON.parse(readFileSync(join(root, "node_modules/.package-lock.json"), "utf8")).packages;
  for (const [path, entry] of Object.entries(lock)) {
    if (path === "") continue;
    // Packages for other platforms are in the lock file and stay away.
    if (have[path] === undefined ? !entry.optional : have[path].version !== entry.version) return `${path} is not at ${entry.version}`;
  }
  return Object.keys(have).find((path) => lock[path] === undefined);
}

export async function ensureNodePackages(root) {
  if (stalePackages(root) === undefined) return;
  const home = changeoverHome();
  const checkout = createHash("sha256").update(root).digest("hex").slice(0, 12);
  await withLock(
    join(home, "locks", `node-packages-${checkout}.lock`),
    async () => {
      const reason = stalePackages(root);
      if (reason !== undefined) await install(root, join(home, "npm"), reason);
    },
    (owner) => process.stderr.write(`node packages: process ${owner.pid} installs them\n`),
  );
}

async function install(root, cache, reason) {
  const began = Date.now();
  const live = process.stderr.isTTY;
  const line = (mark) => `${mark} node packages (npm ci, ${reason})  ${Math.round((Date.now() - began) / 1000)}s`;
  const show = () => process.stderr.write(live ? `\r${line("…")}` : `${line("…")}\n`);
  show();
  const timer = setInterval(show, live ? 1_000 : 10_000);
  const output = [];
  // npm that runs this command is the npm to use; `npm run` says where it is.
  const npm = process.env.npm_execpath?.endsWith("npm-cli.js") ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const code = await new Promise((resolve, reject) => {
    const child = spawn(
      npm[0],
      [...npm.slice(1), "ci", "--cache", cache, "--prefer-offline", "--no-audit", "--no-fund", "--no-update-notifier"],
      {
        cwd: root,
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    child.stdout.on("data", (data) => output.push(data));
    child.stderr.on("data", (data) => output.push(data));
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => clearInterval(timer));
  process.stderr.write(`${live ? "\r" : ""}${line(code === 0 ? "✔" : "✘")}\n`);
  if (code !== 0) {
    process.stderr.write(Buffer.concat(output));
    throw new Error(`npm ci ended with ${code} in ${root}; its cache is ${cache}`);
  }
}
