import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ACMClient, ImportCertificateCommand } from "@aws-sdk/client-acm";
import { Refused } from "../automation/errors";
import { withSteps, type StepList } from "../automation/steps";
import { Workspace } from "../automation/pulumi/workspace";
import { startTimeOf } from "../setup/process.mjs";
import { loadTopology } from "../stacks/topology-file";
import { sitesThatAre } from "../topology/roles";
import type { Topology } from "../topology/schema";
import { DEFAULT_PACE } from "./backup";
import { CertificateAuthority } from "./certificates";
import { clockOptions } from "./chaos/clock";
import { askLab, runningLab } from "./control";
import type { LabDescription } from "./daemon";
import { removeFiles } from "./down";
import { labEnvironment, shellScript } from "./environment";
import { ROOT, labFiles, labFolder } from "./folder";
import { writePasswords, writePointers } from "./pointers";
import { ProcessTable } from "./processes";
import { buildPrograms, labTools } from "./tools";
import { answersEverywhere } from "./serving";
import type { LabStatus } from "./status";
import { DAY_MS } from "./storage";
import { url, world } from "./world";

/** Logins of the lab; secret in the stacks' config like any other. */
interface Secrets {
  databasePassword: string;
  appPassword: string;
}

/**
 * Brings the lab up: set-up, servers, every stack, until each tier serves.
 * @throws Refused where another lab runs
 */
export async function labUp({
  quiet = false,
  storageDayMs = DAY_MS,
  backupHourMs = DEFAULT_PACE.hourMs,
}: { quiet?: boolean; storageDayMs?: number; backupHourMs?: number } = {}): Promise<void> {
  const folder = labFolder();
  const files = labFiles(folder);
  await refuseSecondLab(folder);

  const tools = await labTools(quiet);
  await withSteps(quiet, async (steps) => {
    steps.start("clean", "Clear what an earlier lab left");
    const swept = await ProcessTable.sweep(folder);
    removeFiles(folder, ROOT);
    steps.done("clean", swept > 0 ? `ended ${swept} processes` : undefined);

    steps.start("servers", "Start the servers of three regions");
    for (const path of [folder, files.state, files.journals]) mkdirSync(path, { recursive: true });
    const topology = loadTopology(join(ROOT, "topology.yaml"));
    const privileged = await canBindLowPorts();
    const { paths, plugins, pulumiHome } = tools;
    const description: LabDescription = { topology, privileged, tools: paths, plugins, pulumiHome, storageDayMs, backupHourMs };
    writeFileSync(files.description, JSON.stringify(description, null, 2));
    writeFileSync(files.passphrase, randomBytes(24).toString("base64url"), { mode: 0o600 });
    const secrets: Secrets = {
      databasePassword: randomBytes(18).toString("base64url"),
      appPassword: randomBytes(18).toString("base64url"),
    };
    const certificates = await CertificateAuthority.open(folder);
    await buildPrograms(folder);
    await startDaemon(folder);
    steps.done("servers");

    // From here on this process is one more client of the lab.
    const environment = labEnvironment(folder, description, certificates);
    Object.assign(process.env, environment);
    delete process.env["PULUMI_CONFIG_PASSPHRASE"];
    await deploy(topology, certificates, secrets, steps);
    writePasswords(folder, topology, secrets.databasePassword);
    await writePointers(folder, topology);

    steps.start("serving", "Wait until every tier serves");
    await answersEverywhere(topology, certificates.caCert);
    steps.done("serving");
  });
}

async function refuseSecondLab(folder: string): Promise<void> {
  const running = await runningLab();
  if (!running) return;
  const mine = running.folder === folder;
  throw new Refused(
    mine
      ? `this lab is up already (pid ${running.pid}, since ${running.startedAt})`
      : `another lab runs on this machine: ${running.folder} (pid ${running.pid}); both would need the same addresses`,
    mine ? "use it, or take it down first: changeover lab down" : "take that one down from its own checkout: changeover lab down",
  );
}

async function startDaemon(folder: string): Promise<void> {
  const logFile = labFiles(folder).log;
  const log = openSync(logFile, "a");
  const child = spawn(
    process.execPath,
    ["--no-warnings", "--import", join(ROOT, "setup", "typescript.mjs"), join(ROOT, "lab", "daemon.ts"), folder],
    {
      cwd: ROOT,
      detached: true,
      stdio: ["ignore", log, log],
    },
  );
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error("the lab's daemon did not start");
  const records = join(folder, "run");
  mkdirSync(records, { recursive: true });
  writeFileSync(join(records, "daemon.json"), JSON.stringify({ pid, startTime: startTimeOf(pid), command: "daemon" }));
  child.unref();
  for (let i = 0; i < 600; i++) {
    if (child.exitCode !== null) throw new Error(`the lab did not start: ${tail(logFile)}`);
    if (readFileSync(logFile, "utf8").includes(" lab: ready\n")) return;
    await sleep(100);
  }
  throw new Error(`the lab's servers were not ready in 60 s: ${tail(logFile)}`);
}

function tail(file: string): string {
  return readFileSync(file, "utf8").split("\n").slice(-12).join("\n");
}

/** Creates and updates every stack, in the order that their references allow. */
async function deploy(topology: Topology, certificates: CertificateAuthority, secrets: Secrets, steps: StepList): Promise<void> {
  const workspace = await Workspace.open(ROOT, "lab");
  const sites = Object.keys(topology.sites);
  const cold = sitesThatAre("cold", topology);
  const standbys = sites.filter((site) => site !== topology.home && !cold.includes(site));
  const kubeconfigs = await askLab<Record<string, string>>("GET", "/kubeconfigs");
  const activation = { activeSite: topology.home, epoch: "1" };

  steps.start("config", "Create the stacks and their config");
  await Promise.all(
    [...sites, "edge", "data"].map(async (part) => {
      await workspace.create(part);
      const region = topology.sites[part]?.region;
      const plain: Record<string, string> = { ...activation };
      if (region !== undefined) plain["certificateArn"] = await importCertificate(topology, region, certificates);
      if (part === "data") plain["databaseCaFile"] = certificates.caFile;
      if (region !== undefined) plain["databaseCa"] = certificates.caCert;
      await workspace.configureSecrets(part, {
        ...(part === "edge" ? {} : { ...secrets }),
        ...(kubeconfigs[part] === undefined ? {} : { kubeconfig: kubeconfigs[part] }),
      });
      await workspace.configure(part, plain);
    }),
  );
  steps.done("config");

  const update = async (part: string, title = `Deploy ${part}`): Promise<void> => {
    const id = `up-${title}`;
    steps.start(id, title);
    try {
      await workspace.update(part);
      steps.done(id);
    } catch (error) {
      steps.failed(id);
      throw error;
    }
  };
  // A rule that copies to an archive names a bucket that S3 looks for.
  await Promise.all(cold.map((part) => update(part)));
  await update(topology.home);
  await Promise.all([...standbys, "data"].map((part) => update(part)));
  const [standby] = standbys;
  if (standby !== undefined) await workspace.configure(topology.home, { protectedBy: standby });
  await Promise.all([update("edge"), update(topology.home, `Replicate ${topology.home} to ${standby ?? "nobody"}`)]);
}

async function importCertificate(topology: Topology, region: string, certificates: CertificateAuthority): Promise<string> {
  const { cert, key } = await certificates.issue("balancer-acm", {
    commonName: topology.domain,
    dnsNames: [topology.domain, `*.${topology.domain}`],
  });
  const client = new ACMClient({ region, endpoint: url(world(true).moto), credentials: { accessKeyId: "lab", secretAccessKey: "lab" } });
  try {
    const { CertificateArn } = await client.send(
      new ImportCertificateCommand({ Certificate: Buffer.from(cert), PrivateKey: Buffer.from(key) }),
    );
    if (!CertificateArn) throw new Error("moto imported no certificate");
    return CertificateArn;
  } finally {
    client.destroy();
  }
}

/** Ports below 1024 are free to bind for root, for a capability, or by `net.ipv4.ip_unprivileged_port_start`. */
async function canBindLowPorts(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => {
      resolve(false);
    });
    server.listen(443, "127.40.0.9", () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** For `lab env`: the environment of the lab that is up, and the same as a shell script. What it points at is brought up to date. */
export async function labShell(folder: string): Promise<{ environment: Record<string, string>; script: string }> {
  const { description: file } = labFiles(folder);
  if (!existsSync(file) || (await runningLab())?.folder !== folder) throw new Refused("this checkout's lab is not up", "changeover lab up");
  const description = JSON.parse(readFileSync(file, "utf8")) as LabDescription;
  const where = world(description.privileged);
  const [certificates, { faults }] = await Promise.all([
    CertificateAuthority.open(folder),
    askLab<LabStatus>("GET", "/status"),
    writePointers(folder, description.topology),
  ]);
  const clock = faults.find((fault) => fault.fault === "clock");
  const nodeOptions = clockOptions(process.env["NODE_OPTIONS"], clock?.shiftMs);
  const environment = {
    ...labEnvironment(folder, description, certificates),
    ...(nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions }),
  };
  return { environment, script: shellScript(environment, where) };
}
