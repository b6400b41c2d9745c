import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const ROOT = join(__dirname, "../../..");
let folder: string;
let checkout: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "compiled-"));
  checkout = join(folder, "checkout");
  mkdirSync(checkout);
  for (const name of [
    "automation",
    "bin",
    "components",
    "guard",
    "policies",
    "setup",
    "stacks",
    "topology",
    "package.json",
    "package-lock.json",
  ]) {
    cpSync(join(ROOT, name), join(checkout, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What the driver, loaded as the command loads it, says of itself. */
function load(home: string): { main?: string; loaded: string[] } {
  const program = `
    const { loadLazily } = await import(${JSON.stringify(join(checkout, "setup/lazy.mjs"))});
    loadLazily();
    const { loadDriver } = await import(${JSON.stringify(join(checkout, "setup/compiled.mjs"))});
    const driver = await loadDriver(${JSON.stringify(checkout)});
    const code = driver && (await driver.main(["status", "--environment", "none"]));
    const { createRequire } = await import("node:module");
    const loaded = Object.keys(createRequire(${JSON.stringify(join(checkout, "x.cjs"))}).cache);
    process.stdout.write(JSON.stringify({ main: driver && typeof driver.main + " " + code, loaded }));`;
  const env = { ...process.env, CHANGEOVER_HOME: home, PULUMI_CONFIG_PASSPHRASE: "" };
  return JSON.parse(
    execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  ) as { main?: string; loaded: string[] };
}

const compiledIn = (home: string): string[] => readdirSync(join(home, "driver"));

it("is compiled once, kept by content, and compiled anew after a change", () => {
  const home = join(folder, "home");
  expect(load(home).main).toMatch(/^function/);
  const [first = ""] = compiledIn(home);
  writeFileSync(join(home, "driver", first), "exports.main = () => 42;");
  expect(load(home).main).toBe("function 42");

  const file = join(checkout, "automation/errors.ts");
  writeFileSync(file, `${readFileSync(file, "utf8")}\nexport const more = 1;\n`);
  expect(load(home).main).not.toBe("function 42");
  expect(compiledIn(home)).toHaveLength(2);
}, 60_000);

it("loads what verbs need, and no compiler", () => {
  const { loaded } = load(join(folder, "home"));
  expect(loaded.some((path) => path.includes("@pulumi/pulumi/automation"))).toBe(true);
  expect(loaded.filter((path) => /node_modules\/(typescript|@npmcli\/arborist)\//.test(path))).toEqual([]);
}, 60_000);

it("is left to its files where it cannot be kept", () => {
  expect(load("/dev/null/home").main).toBeUndefined();
}, 60_000);
