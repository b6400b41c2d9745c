// `npm test`: all of its own set-up, then every check. The last line is `N passed, N failed`; a static check counts as one test.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureNodePackages } from "../setup/node-packages.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "changeover-test-"));
/** A round of kills that is begun later than this may not end within the time that CI gives. */
const LATEST_MS = 74 * 60_000;
let passed = 0;
let failed = 0;
let skipped = 0;

try {
  await ensureNodePackages(root);
  await check("types", ["typescript/bin/tsc", "-p", "."]);
  await check("lint", ["eslint/bin/eslint.js", "."]);
  await check("format", ["prettier/bin/prettier.cjs", "--check", "--log-level", "warn", "."]);
  // Before the unit tests: some run a single part of the lab.
  const ready = await setUp();
  await tests("unit");
  if (ready) {
    await tests("integration");
    // The other faults: npm run test:crash.
    process.env["CHANGEOVER_TEST_LATEST"] = new Date(performance.timeOrigin + LATEST_MS).toISOString();
    await tests("crash", "test/integration/crash.test.ts");
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  failed += 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (skipped > 0) process.stdout.write(`${skipped} skipped; where it was for want of time, npm run test:crash has it\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** Everything that the lab needs, with its progress; once it is there this takes milliseconds. */
async function setUp() {
  await import("../setup/typescript.mjs");
  const require = createRequire(import.meta.url);
  const { labTools } = require("../lab/tools.ts");
  try {
    await labTools(false);
    return true;
  } catch (error) {
    process.stdout.write(`✘ set-up\n${error.message}\n`);
    failed += 1;
    return false;
  }
}

/** A check that says nothing when all is well. */
async function check(name, [script, ...args]) {
  const began = Date.now();
  const { code, output } = await node([join("node_modules", script), ...args], true);
  process.stdout.write(`${code === 0 ? "✔" : "✘"} ${name}  ${Math.round((Date.now() - began) / 1000)}s\n${code === 0 ? "" : output}`);
  if (code === 0) passed += 1;
  else failed += 1;
}

/** @param paths the test files; none: all of the project */
async function tests(project, ...paths) {
  const file = join(scratch, "report.json");
  rmSync(file, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { code } = await node(["node_modules/vitest/vitest.mjs", "run", "--project", project, ...reporters, ...paths], false);
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    process.stdout.write(`✘ ${project} tests ended with ${code} and no report\n`);
    failed += 1;
    return;
  }
  // A file that could not be loaded has failed without a failed test in it.
  const broken = report.testResults.filter(
    (suite) => suite.status === "failed" && suite.assertionResults.every((test) => test.status !== "failed"),
  ).length;
  passed += report.numPassedTests;
  skipped += report.numPendingTests;
  failed += report.numFailedTests + broken;
  // An error outside of any test fails the run as well.
  if (code !== 0 && report.numFailedTests + broken === 0) failed += 1;
}

function node(args, quiet) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: quiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    });
    let output = "";
    child.stdout?.on("data", (data) => (output += data));
    child.stderr?.on("data", (data) => (output += data));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}
