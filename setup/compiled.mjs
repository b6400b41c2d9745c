// The driver as one compiled script: half the time that its files take to load one by one, in the hour in which that counts.
// It is made on first use and kept in the cache folder, by the content of its sources.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import Module from "node:module";
import { dirname, join } from "node:path";
import { changeoverHome } from "./home.mjs";

const FOLDERS = ["automation", "components", "guard", "policies", "setup", "stacks", "topology"];

/** What `automation/main.ts` exports; `undefined` where it cannot be compiled or kept: then it has to be loaded file by file. */
export async function loadDriver(root) {
  const entry = join(root, "automation", "main.ts");
  const code = await compiled(root, entry).catch(() => undefined);
  if (code === undefined) return undefined;
  const module = new Module(entry);
  module.filename = entry;
  module.paths = Module._nodeModulePaths(root);
  module._compile(code, entry);
  return module.exports;
}

async function compiled(root, entry) {
  const file = join(changeoverHome(), "driver", `${digestOf(root)}.cjs`);
  if (existsSync(file)) return readFileSync(file, "utf8");
  const code = await compile(entry);
  keep(file, code);
  return code;
}

function digestOf(root) {
  const hash = createHash("sha256").update(process.version).update(root);
  const add = (path) => hash.update(path).update(readFileSync(join(root, path)));
  add("package.json");
  for (const folder of FOLDERS) {
    const names = readdirSync(join(root, folder), { recursive: true }).sort();
    for (const name of names) if (/\.(ts|mjs)$/.test(name)) add(join(folder, name));
  }
  return hash.digest("hex");
}

async function compile(entry) {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    packages: "external",
    // Packages come by `require`, as they do file by file: two copies of one would not know each other.
    supported: { "dynamic-import": false },
    write: false,
    logLevel: "silent",
    plugins: [{ name: "folders", setup: (esbuild) => esbuild.onLoad({ filter: /\.ts$/ }, withFolder) }],
  });
  return outputFiles[0].text;
}

/** Each file goes on knowing the folder that it was written in. */
function withFolder({ path }) {
  const text = readFileSync(path, "utf8");
  return { contents: text.includes("__dirname") ? `const __dirname = ${JSON.stringify(dirname(path))}; ${text}` : text, loader: "ts" };
}

function keep(file, code) {
  mkdirSync(dirname(file), { recursive: true });
  const scratch = `${file}.${process.pid}`;
  writeFileSync(scratch, code);
  renameSync(scratch, file);
}
