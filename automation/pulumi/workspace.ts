import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  LocalWorkspace,
  Stack,
  StackAlreadyExistsError,
  type ConfigMap,
  type Deployment,
  type PreviewOptions,
  type PulumiCommand,
  type PulumiFn,
  type StackSettings,
} from "@pulumi/pulumi/automation";
import { ensure } from "../../setup";
import { driverParts } from "../../setup/parts";
import type { Gate } from "../../stacks/context";
import { BadInput } from "../../topology/errors";
import { StepList } from "../steps";
import { idOf, isThere } from "./adoption";
import { commandOf, engineOf, type Runner } from "./cli";
import { READING, SECRETS, STATE, type EarlyReads } from "./early-reads";
import { Collector, type Judgement, type Operation, type ResourceEvent } from "./events";
import { explain, isCutOff, Locked, UpdateFailed } from "./failures";
import { dropEmptySideFiles, isLocked } from "./file-backend";
import { regionOf, rootOf, type Checkpoint, type Outputs, type PendingOperation } from "./state";
import { nameOf } from "./urn";

export interface UpdateOptions {
  /** Called for each resource as it begins and ends. */
  onResource?: (event: ResourceEvent) => void;
  /** Called once with the engine's process, soon after it has taken the stack's lock. */
  onEngine?: (pid: number) => void;
  /** Ends the update as Ctrl-C would: the engine finishes what runs and saves its state. */
  signal?: AbortSignal;
  /** Holds a site's update up. */
  gate?: Gate;
}

/**
 * The stacks of one environment, and the only module that talks to the Automation API. Programs run inline, in this
 * process, so that a changeover pays for loading them once.
 */
export class Workspace {
  /** By part: outputs as they were last seen. */
  private readonly known = new Map<string, Outputs>();
  /** By full stack name: what the program of that stack waits for. */
  private readonly gates = new Map<string, Gate>();

  private constructor(
    /** Folder with Pulumi.yaml and the stacks' config files. */
    readonly root: string,
    readonly environment: string,
    private readonly command: PulumiCommand,
    private readonly local: LocalWorkspace,
    private readonly early: EarlyReads | undefined,
  ) {}

  /**
   * @param backendUrl where the state is. @default the backend that Pulumi chooses
   * @param early what is being read already
   * @throws BadInput where there is no Pulumi CLI or no passphrase
   */
  static async open(root: string, environment: string, backendUrl?: string, early?: EarlyReads): Promise<Workspace> {
    if (process.env["PULUMI_CONFIG_PASSPHRASE"] === undefined && process.env["PULUMI_CONFIG_PASSPHRASE_FILE"] === undefined) {
      throw new BadInput([
        {
          path: "PULUMI_CONFIG_PASSPHRASE",
          value: undefined,
          message: "the passphrase of the stacks' secrets, in this variable or in the file that PULUMI_CONFIG_PASSPHRASE_FILE names",
        },
      ]);
    }
    const tools = await ensure(driverParts, new StepList());
    const command = commandOf(tools.tool("pulumi"), tools.part("pulumi").version);
    const holder: { workspace?: Workspace } = {};
    // Loading the program takes longer than reading a stack: verbs that update nothing do without it.
    const program: PulumiFn = async () => {
      const [{ program: run }, { getStack }] = await Promise.all([loadProgram(), import("@pulumi/pulumi")]);
      return run(root, holder.workspace?.gates.get(getStack()));
    };
    const local = await LocalWorkspace.create({
      workDir: root,
      program,
      pulumiCommand: command,
      envVars: {
        GOMEMLIMIT: process.env["GOMEMLIMIT"] ?? ENGINE_MEMORY,
        ...(backendUrl !== undefined && { PULUMI_BACKEND_URL: backendUrl }),
      },
    });
    // Every call names its stack: selecting one would start the CLI once more, and change what others have selected.
    local.selectStack = () => Promise.resolve();
    holder.workspace = new Workspace(root, environment, command, local, early);
    return holder.workspace;
  }

  stackName(part: string): string {
    return `${this.environment}-${part}`;
  }

  /** Config values in plain text, keys without `changeover:`; secrets are left out. Reads one file, starts nothing. */
  async settings(part: string): Promise<Record<string, string>> {
    const { config = {} } = await this.stackSettings(part);
    const plain: Record<string, string> = {};
    for (const [key, value] of Object.entries(config)) {
      if (key.startsWith("changeover:") && typeof value !== "object") plain[key.slice("changeover:".length)] = String(value);
    }
    return plain;
  }

  private async stackSettings(part: string): Promise<StackSettings> {
    const file = `Pulumi.${this.stackName(part)}.yaml`;
    if (!existsSync(join(this.root, file))) {
      throw new BadInput([
        {
          path: file,
          value: undefined,
          message: `the config of stack ${this.stackName(part)}; is ${this.environment} the environment you mean?`,
        },
      ]);
    }
    return this.local.stackSettings(this.stackName(part));
  }

  /** Every config value, secrets decrypted. Keep them out of messages. */
  async secrets(part: string): Promise<Record<string, string>> {
    const all = await this.read<ConfigMap>(part, SECRETS);
    return Object.fromEntries(
      Object.entries(all)
        .filter(([key]) => key.startsWith("changeover:"))
        .map(([key, { value }]) => [key.slice("changeover:".length), value]),
    );
  }

  /** Writes plain config values, as `pulumi config set` would; `undefined` removes a key. */
  async configure(part: string, values: Record<string, string | undefined>): Promise<void> {
    const name = this.stackName(part);
    const settings = await this.stackSettings(part);
    await this.local.saveStackSettings(name, { ...settings, config: changed(settings.config, values) });
  }

  /** Writes secret config values, encrypted. */
  async configureSecrets(part: string, values: Record<string, string>): Promise<void> {
    const config: ConfigMap = {};
    for (const [key, value] of Object.entries(values)) config[`changeover:${key}`] = { value, secret: true };
    await this.attempt(part, () => this.local.setAllConfig(this.stackName(part), config));
  }

  /** Creates the stack where it does not exist. */
  async create(part: string): Promise<void> {
    try {
      await Stack.create(this.stackName(part), this.local);
    } catch (error) {
      if (!(error instanceof StackAlreadyExistsError)) throw error;
    }
  }

  /**
   * The stack's outputs. Read from the state backend, never from a region. An update that failed, or whose program was cut
   * off, may have left none in the state: then those that were there before.
   */
  async outputs(part: string): Promise<Outputs> {
    const found = rootOf(await this.deployment(part))?.outputs ?? {};
    if (Object.keys(found).length > 0) this.known.set(part, found);
    return this.known.get(part) ?? {};
  }

  /** Outputs as they were last seen here. */
  lastOutputs(part: string): Outputs | undefined {
    return this.known.get(part);
  }

  /** Takes a stack's outputs from a journal, for where the state has lost them. */
  remember(part: string, outputs: Outputs): void {
    this.known.set(part, outputs);
  }

  /** Puts outputs back that an update which failed took out of the state: every guard of an epoch reads them there. */
  private async keepOutputs(part: string): Promise<void> {
    const outputs = this.known.get(part);
    if (!outputs) return;
    const exported = await this.exportState(part);
    const root = rootOf(exported.deployment as Checkpoint);
    if (!root || Object.keys(root.outputs ?? {}).length > 0) return;
    root.outputs = outputs;
    await this.importState(part, exported);
  }

  /** Operations that an update began and never ended, in the stack's state. */
  async pendingOperations(part: string): Promise<PendingOperation[]> {
    return (await this.deployment(part)).pending_operations ?? [];
  }

  /**
   * Settles what an update that was cut off left in the state. What it had begun to create is forgotten, as creating it
   * again changes nothing; but what a second one is refused of (`adoption.ts`) is taken over where it exists, once it is
   * there. What it had begun to change is read anew.
   * @returns the operations that were settled
   */
  async settle(part: string): Promise<PendingOperation[]> {
    const exported = await this.exportState(part);
    const { resources = [], pending_operations: pending = [], ...rest } = exported.deployment as Checkpoint;
    if (pending.length === 0) return [];
    // What is to be replaced is deleted already, and its place is kept.
    const known = new Set(resources.filter(({ pendingReplacement }) => !pendingReplacement).map(({ urn }) => urn));
    const begun = pending.flatMap(({ type, resource }) => (type === "creating" && !known.has(resource.urn) ? [resource] : []));
    const found = await Promise.all(
      begun.map(async (resource) => ({
        ...resource,
        id: await idOf(resource, regionOf(resource, resources)),
        outputs: resource.inputs ?? {},
      })),
    );
    const adopted = found.filter(({ id }) => id !== undefined);
    const others = resources.filter(({ urn }) => !adopted.some((one) => one.urn === urn));
    // Without the pending operations.
    await this.importState(part, { ...exported, deployment: { ...rest, resources: [...others, ...adopted] } });
    for (const { urn } of adopted) known.add(urn);
    const target = pending.map(({ resource }) => resource.urn).filter((urn) => known.has(urn));
    const until = performance.now() + ADOPT_MS;
    while (target.length > 0) {
      await this.refreshUrns(part, target);
      const now = (await this.deployment(part)).resources ?? [];
      const coming = now.filter((one) => adopted.some(({ urn }) => urn === one.urn) && !isThere(one));
      if (coming.length === 0) break;
      if (performance.now() > until)
        throw new UpdateFailed(this.stackName(part), [`${coming.map(({ urn }) => nameOf(urn)).join(", ")} does not become available`]);
      await sleep(ADOPT_POLL_MS);
    }
    return pending;
  }

  /** Whether an update holds the stack's lock, as far as that can be known: a backend that does not show its locks may have one. */
  mayBeLocked(part: string): boolean {
    return isLocked(this.backendUrl, this.stackName(part)) ?? true;
  }

  /** Takes the lock of an update away whose process is gone. */
  async unlock(part: string): Promise<void> {
    await this.attempt(part, async () => {
      await (await this.stack(part)).cancel();
    });
  }

  /**
   * The stack's state with its secrets encrypted. The Automation API's own export decrypts them, which nobody here needs and
   * which takes as long again: the passphrase is stretched for each of them.
   */
  exportState(part: string): Promise<Deployment> {
    return this.read(part, STATE);
  }

  /** What the CLI prints as JSON. */
  private async read<T>(part: string, args: readonly string[]): Promise<T> {
    const early = await this.early?.take(this.stackName(part), args);
    if (early !== undefined) return JSON.parse(early) as T;
    const { stdout } = await this.attempt(part, () => this.run(part, args, READING));
    return JSON.parse(stdout) as T;
  }

  private run(part: string, args: readonly string[], env: Record<string, string> = {}): Promise<{ stdout: string }> {
    const cli = this.command as PulumiCommand & Runner;
    return cli.run([...args, "--stack", this.stackName(part)], this.root, { ...this.local.envVars, ...env });
  }

  /**
   * Puts a state in place of the stack's own; its secrets are encrypted anew. The Automation API's own import lets everybody
   * on the machine read the file that it hands to the CLI, and leaves it there where the CLI fails.
   * @throws Refused (locked)
   */
  async importState(part: string, deployment: Deployment): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "changeover-state-"));
    try {
      const file = join(folder, "state.json");
      await writeFile(file, JSON.stringify(deployment));
      await this.attempt(part, () => this.run(part, ["stack", "import", "--file", file]));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async deployment(part: string): Promise<Checkpoint> {
    return (await this.exportState(part)).deployment as Checkpoint;
  }

  /** Runs an update. @throws UpdateFailed, Refused (locked) */
  async update(part: string, options: UpdateOptions = {}): Promise<Operation[]> {
    const name = this.stackName(part);
    const tellEngine = (): void => {
      void engineOf(name).then((pid) => {
        if (pid !== undefined) options.onEngine?.(pid);
      });
    };
    const events = new Collector(part, options.onResource, options.onEngine && tellEngine);
    if (options.gate) this.gates.set(name, options.gate);
    // What goes on beside the start of an unplanned move's update, a promotion above all, is not to wait for it.
    if (!options.gate?.podsFirst) setTimeout(() => void loadProgram(), ENGINE_STARTS_MS);
    try {
      await this.attempt(
        part,
        async () =>
          (await this.stack(part)).up({
            onEvent: events.take,
            suppressOutputs: true,
            suppressProgress: true,
            ...(options.signal ? { signal: options.signal } : {}),
          }),
        events,
      );
    } catch (error) {
      if (!(error instanceof Locked)) await this.keepOutputs(part);
      throw error;
    } finally {
      this.gates.delete(name);
    }
    return events.operations;
  }

  /** Reads the resources of one type anew: state then knows what an update that was cut off had done before it could write it down. */
  async refresh(part: string, type: string): Promise<void> {
    const target = (await this.deployment(part)).resources?.filter((resource) => resource.type === type).map(({ urn }) => urn) ?? [];
    if (target.length > 0) await this.refreshUrns(part, target);
  }

  private async refreshUrns(part: string, target: string[]): Promise<void> {
    const events = new Collector(part);
    await this.attempt(part, async () => (await this.stack(part)).refresh({ target, onEvent: events.take }), events);
  }

  /** What an update would do with these config values in place of the stack's; changes nothing, not even the config file. */
  async preview(
    part: string,
    values: Record<string, string | undefined> = {},
    options: Pick<UpdateOptions, "signal"> = {},
  ): Promise<Operation[]> {
    const { operations } = await this.previewed(part, values, options);
    return operations;
  }

  /**
   * What a policy pack says of the stack as its program would make it; changes nothing.
   * @param pack folder of the pack, and the environment that it is started with @param configs JSON files with options of its policies
   * @returns each violation, and each policy that cannot be decided yet
   */
  async judge(part: string, pack: { folder: string; env: Record<string, string> }, configs: readonly string[]): Promise<Judgement[]> {
    Object.assign(this.local.envVars, pack.env);
    const { judgements, failure } = await this.previewed(part, {}, { policyPacks: [pack.folder], policyPackConfigs: [...configs] });
    // A mandatory policy that is violated fails the preview; whatever else does is told.
    if (failure !== undefined && !judgements.some(({ level }) => level === "mandatory")) throw failure;
    return judgements;
  }

  private async previewed(
    part: string,
    values: Record<string, string | undefined>,
    options: Pick<PreviewOptions, "signal" | "policyPacks" | "policyPackConfigs">,
  ): Promise<{ operations: Operation[]; judgements: Judgement[]; failure?: Error }> {
    const folder = await mkdtemp(join(tmpdir(), "changeover-plan-"));
    try {
      const settings = await this.stackSettings(part);
      const scratch = await LocalWorkspace.create({ workDir: folder, pulumiCommand: this.command });
      await scratch.saveStackSettings("scratch", { ...settings, config: changed(settings.config, values) });
      const events = new Collector(part);
      const { operations, judgements } = events;
      try {
        await this.attempt(
          part,
          async () =>
            (await this.stack(part)).preview({
              configFile: join(folder, "Pulumi.scratch.yaml"),
              onEvent: events.take,
              suppressOutputs: true,
              ...options,
            }),
          events,
        );
      } catch (error) {
        if (options.policyPacks && error instanceof UpdateFailed) return { operations, judgements, failure: error };
        throw error;
      }
      return { operations, judgements };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private get backendUrl(): string | undefined {
    return this.local.envVars["PULUMI_BACKEND_URL"] ?? process.env["PULUMI_BACKEND_URL"];
  }

  private stack(part: string): Promise<Stack> {
    return Stack.select(this.stackName(part), this.local);
  }

  private async attempt<T>(part: string, run: () => Promise<T>, events?: Collector): Promise<T> {
    for (let again = CUT_OFF_ATTEMPTS; ; again--) {
      try {
        return await run();
      } catch (error) {
        if (!isCutOff(error) || again === 0) throw explain(part, this.stackName(part), error, events?.diagnostics);
        // Left so by a process that was killed; or another update writes it at this very moment.
        const dropped = dropEmptySideFiles(this.backendUrl);
        if (dropped.length === 0) await sleep(CUT_OFF_MS);
      }
    }
  }
}

/** Above this the engine collects its garbage more often: only a plan of many hundred services comes near it. */
const ENGINE_MEMORY = "640MiB";

/** By then the engine has been started, and until it asks for the program that can be loaded. */
const ENGINE_STARTS_MS = 30;

/** How long an instance that an earlier update began to create may take, and how often it is looked at. */
const ADOPT_MS = 3_600_000;
const ADOPT_POLL_MS = 1_000;

/** A stack's file in a file backend is looked at this often again, and after so long, when it was found cut off. */
const CUT_OFF_ATTEMPTS = 6;
const CUT_OFF_MS = 200;

function loadProgram() {
  return import("../../stacks/program.js");
}

function changed(config: StackSettings["config"], values: Record<string, string | undefined>): NonNullable<StackSettings["config"]> {
  const next = { ...config };
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) Reflect.deleteProperty(next, `changeover:${key}`);
    else next[`changeover:${key}`] = value;
  }
  return next;
}
