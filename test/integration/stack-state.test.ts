import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Locked } from "../../automation/pulumi/failures";
import { Workspace } from "../../automation/pulumi/workspace";
import { run } from "../../setup/run";
import { ensure } from "../../setup";
import { driverParts } from "../../setup/parts";

const PASSPHRASE = "of a test";
let folder: string;
let temporary: string;
let workspace: Workspace;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "changeover-state-test-"));
  const [root, backend] = [join(folder, "program"), join(folder, "backend")];
  temporary = join(folder, "tmp");
  for (const path of [root, backend, temporary]) mkdirSync(path);
  writeFileSync(join(root, "Pulumi.yaml"), "name: changeover\nruntime: nodejs\n");
  const env = { PULUMI_CONFIG_PASSPHRASE: PASSPHRASE, PULUMI_BACKEND_URL: `file://${backend}`, TMPDIR: temporary };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const tools = await ensure(driverParts);
  await run(tools.tool("pulumi"), ["stack", "init", "test-edge", "--non-interactive"], { cwd: root });
  workspace = await Workspace.open(root, "test", env.PULUMI_BACKEND_URL);
}, 60_000);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const URN = "urn:pulumi:test-edge::changeover::pulumi:pulumi:Stack::changeover-test-edge";

it("is put in place by way of a file that nobody else can read, and that is gone afterwards", async () => {
  const state = await workspace.exportState("edge");
  const resources = [{ urn: URN, custom: false, type: "pulumi:pulumi:Stack" }];
  const seen = new Map<string, number>();
  const watcher = watch(temporary, (_event, name) => {
    const mode = name === null ? undefined : statSync(join(temporary, name), { throwIfNoEntry: false })?.mode;
    if (name !== null && mode !== undefined) seen.set(name, mode & 0o077);
  });
  await workspace.importState("edge", { ...state, deployment: { ...state.deployment, resources } });
  watcher.close();
  expect([...seen.values()]).toEqual([0]);
  expect((await workspace.exportState("edge")).deployment.resources).toMatchObject(resources);
  expect(readdirSync(temporary)).toEqual([]);
}, 30_000);

it("leaves no such file where another update holds the stack", async () => {
  const state = await workspace.exportState("edge");
  const locks = join(folder, "backend", ".pulumi", "locks", "organization", "changeover", "test-edge");
  mkdirSync(locks, { recursive: true });
  const lock = { pid: process.pid, username: userInfo().username, hostname: hostname(), timestamp: new Date().toISOString() };
  writeFileSync(join(locks, "5f0c1d1e-0000-4000-8000-000000000000.json"), JSON.stringify(lock));
  await expect(workspace.importState("edge", state)).rejects.toThrow(Locked);
  expect(readdirSync(temporary)).toEqual([]);
}, 30_000);
