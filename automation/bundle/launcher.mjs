#!/usr/bin/env node
// The command, run from a bundle: state and journals are the bundle's own. Copied to bin/changeover.mjs when one is made.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const { environment, madeAt } = JSON.parse(readFileSync(join(root, "manifest.json"), "utf8"));
const state = join(root, "state");
const journals = join(root, "journals");
mkdirSync(journals, { recursive: true, mode: 0o700 });

const [verb, sub] = process.argv.slice(2);
const refused =
  verb === "lab" || verb === "drill"
    ? `${verb} is not in a bundle; use the checkout`
    : verb === "bundle" && sub !== "verify" && sub !== "--help"
      ? "a bundle is made, and reconciled with the backend, from the checkout"
      : undefined;
if (refused !== undefined) {
  process.stderr.write(`bad input: ${refused}\n`);
  process.exit(2);
}

const before = process.env.PULUMI_BACKEND_URL;
// Pulumi takes what follows file:// as a path, unescaped.
process.env.PULUMI_BACKEND_URL = `file://${state}`;
process.env.CHANGEOVER_JOURNALS = journals;
process.env.CHANGEOVER_ENVIRONMENT = environment;
process.env.CHANGEOVER_BUNDLE = root;
// A light bundle sets its packages up at the first use: those of tests and the lab are not needed.
process.env.npm_config_omit ??= "dev";
process.stderr.write(
  `bundle of ${environment}, ${madeAt}: state in ${state}${before === undefined ? "" : ", not in PULUMI_BACKEND_URL's backend"}; journals in ${journals}\n`,
);
await import("./changeover-main.mjs");
