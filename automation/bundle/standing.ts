import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { loadTopology, topologyFile } from "../../stacks/topology-file";
import type { Topology } from "../../topology/schema";
import { backendObjections, type BackendCheck } from "../backend";
import { configFiles } from "./contents";
import { readStamp } from "./stamp";

/** How an environment stands, for `changeover doctor`. */
export interface Standing {
  environment: string;
  /** Absent where no stack of the environment has a config file here. */
  activeSite?: string;
  epoch?: number;
  checks: (BackendCheck | { name: "environment"; level: "warning"; finding: string; satisfy?: string })[];
}

/** Reads files and variables only: no passphrase, no backend, no region. */
export function standingOf(root: string, environment: string, journals: string, now = new Date()): Standing {
  const files = configFiles(root, environment);
  if (files.length === 0) {
    return unknown(environment, `no stack of ${environment} is configured here`, "another environment, or pulumi stack init");
  }
  let topology: Topology;
  try {
    topology = loadTopology(topologyFile(root, environment));
  } catch (error) {
    return unknown(environment, `the topology cannot be read: ${(error as Error).message}`);
  }
  const configs: Record<string, StackFile> = {};
  for (const file of files) {
    try {
      configs[file.slice("Pulumi.".length, -".yaml".length)] = (parse(readFileSync(join(root, file), "utf8")) ?? {}) as StackFile;
    } catch (error) {
      return unknown(environment, `${file} is no YAML: ${(error as Error).message.split("\n")[0] ?? ""}`);
    }
  }
  const { activeSite, epoch } = latest(topology, environment, configs);
  const replica = configs[`${environment}-edge`]?.config?.["changeover:stateReplica"];
  const checks = backendObjections({
    backendUrl: backendUrl(root),
    clientRegion: process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"],
    stateReplica: typeof replica === "string" ? replica : undefined,
    secretsProviders: Object.fromEntries(
      Object.entries(configs).map(([stack, file]) => [
        stack,
        file.secretsprovider ?? (file.encryptionsalt === undefined ? undefined : "passphrase"),
      ]),
    ),
    activeSite,
    epoch,
    regions: Object.fromEntries(Object.entries(topology.sites).map(([site, { region }]) => [site, region])),
    journals,
    bundle: readStamp(environment),
    now,
  });
  return { environment, activeSite, epoch, checks };
}

interface StackFile {
  secretsprovider?: string;
  encryptionsalt?: string;
  config?: Record<string, unknown>;
}

function unknown(environment: string, finding: string, satisfy?: string): Standing {
  return { environment, checks: [{ name: "environment", level: "warning", finding, ...(satisfy !== undefined && { satisfy }) }] };
}

/** The highest epoch of the sites' config; without any, the service is at home. */
function latest(topology: Topology, environment: string, configs: Record<string, StackFile>): { activeSite: string; epoch: number } {
  let found = { activeSite: topology.home, epoch: 0 };
  for (const site of Object.keys(topology.sites)) {
    const config = configs[`${environment}-${site}`]?.config ?? {};
    const [activeSite, epoch] = [config["changeover:activeSite"], Number(config["changeover:epoch"])];
    if (typeof activeSite === "string" && topology.sites[activeSite] && epoch > found.epoch) found = { activeSite, epoch };
  }
  return found;
}

/** As Pulumi chooses it: the variable, then the project, then the last login. Of the login nothing but the address is taken. */
function backendUrl(root: string): string | undefined {
  const own = process.env["PULUMI_BACKEND_URL"];
  if (own !== undefined && own !== "") return own;
  const project = parsed(join(root, "Pulumi.yaml")) as { backend?: { url?: string } } | undefined;
  if (project?.backend?.url !== undefined) return project.backend.url;
  const home = process.env["PULUMI_CREDENTIALS_PATH"] ?? process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi");
  const login = (parsed(join(home, "credentials.json")) as { current?: string } | undefined)?.current;
  return login === "" ? undefined : login;
}

/** JSON is YAML. */
function parsed(file: string): unknown {
  if (!existsSync(file)) return undefined;
  try {
    return parse(readFileSync(file, "utf8")) ?? undefined;
  } catch {
    return undefined;
  }
}
