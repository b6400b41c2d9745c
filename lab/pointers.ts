import { writeFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { Workspace } from "../automation/workspace";
import { DATABASE_ADMIN } from "../topology/names";
import type { Topology } from "../topology/schema";
import { askLab } from "./control";
import { ROOT, labFiles } from "./folder";
import { CertificateAuthority } from "./certificates";

interface KubeConfig {
  clusters: { name: string; cluster: unknown }[];
  users: { name: string; user: unknown }[];
}

/** One kubeconfig with a context for each site, and a libpq service for each site's database. */
export async function writeClientFiles(folder: string, topology: Topology, password: string): Promise<void> {
  const files = labFiles(folder);
  const kubeconfigs = await askLab<Record<string, string>>("GET", "/kubeconfigs");
  const sites = Object.entries(kubeconfigs).map(([site, text]) => ({ site, config: parse(text) as KubeConfig }));
  writeFileSync(
    files.kubeconfig,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": topology.home,
      clusters: sites.map(({ site, config }) => ({ name: site, cluster: config.clusters[0]?.cluster })),
      users: sites.map(({ site, config }) => ({ name: site, user: config.users[0]?.user })),
      contexts: sites.map(({ site }) => ({ name: site, context: { cluster: site, user: site, namespace: topology.service } })),
    }),
    { mode: 0o600 },
  );

  const workspace = await Workspace.open(ROOT, "lab");
  const certificates = await CertificateAuthority.open(folder);
  const databases = await Promise.all(
    sites.map(async ({ site }) => ({
      site,
      database: (await workspace.outputs(site))["database"] as { address: string; port: number; name: string },
    })),
  );
  writeFileSync(
    files.pgService,
    databases
      .map(({ site, database }) =>
        [
          `[${site}]`,
          `host=${database.address}`,
          `port=${database.port}`,
          `dbname=${database.name}`,
          `user=${DATABASE_ADMIN}`,
          "sslmode=verify-full",
          `sslrootcert=${certificates.caFile}`,
          "",
        ].join("\n"),
      )
      .join("\n"),
  );
  writeFileSync(
    files.pgPass,
    databases.map(({ database }) => `${database.address}:${database.port}:*:${DATABASE_ADMIN}:${password}\n`).join(""),
    { mode: 0o600 },
  );
}
