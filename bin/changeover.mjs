#!/usr/bin/env node
// Starts with nothing installed: plain JavaScript, no dependencies until the packages are there.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

// Whoever read the output may be gone, as after `| head` or with a terminal: a changeover goes on, and its journal has all of it.
// Unheard, the error would become an exception, whose handler writes to the same place, for ever.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

const NODE = [20, 19];
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < NODE[0] || (major === NODE[0] && minor < NODE[1])) {
  process.stderr.write(`changeover: Node.js is ${process.versions.node}; it may be ${NODE.join(".")} or later\n`);
  process.exit(2);
}

const root = fileURLToPath(new URL("..", import.meta.url));
const { ensureNodePackages } = await import("../setup/node-packages.mjs");
try {
  await ensureNodePackages(root);
} catch (error) {
  process.stderr.write(`changeover: node packages cannot be had: ${error.message}\n`);
  process.exit(3);
}

// The AWS SDK's versions are pinned; which Node later ones want is for whoever raises them, not for an operator in an incident.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";

const argv = process.argv.slice(2);
// The one place outside lab/ that knows it: by path, for the verbs that are the lab's own.
const ofLab = argv[0] === "lab" || argv[0] === "drill";
const { loadLazily } = await import("../setup/lazy.mjs");
loadLazily();
const { main } = (ofLab ? undefined : await compiled()) ?? (await fileByFile(ofLab ? "../lab/main.ts" : "../automation/main.ts"));
process.exitCode = await main(argv);

async function compiled() {
  const { loadDriver } = await import("../setup/compiled.mjs");
  return loadDriver(root);
}

async function fileByFile(path) {
  await import("../setup/typescript.mjs");
  // Every frame of the program's stack traces would be mapped back, for each resource of every update: a third of its time.
  if (!process.env.CHANGEOVER_DEBUG) process.setSourceMapsEnabled(false);
  return createRequire(import.meta.url)(path);
}
