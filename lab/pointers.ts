import { renameSync, writeFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { DATABASE_ADMIN, namesFor } from "../topology/names";
import type { Topology } from "../topology/schema";
import { CertificateAuthority } from "./certificates";
import { askLab } from "./control";
import { labFiles } from "./folder";

interface KubeConfig {
  clusters: { name: string; cluster: unknown }[];
  users: { name: string; user: unknown }[];
}

/** A database server as the lab's status shows it. */
export interface DatabaseServer {
  region: string;
  /** `DBInstanceIdentifier`. */
  id: string;
  state: string;
  host: string;
  port: number;
}

/** One kubeconfig with a context for each site, and a libpq service for each site's database, as the lab runs them now. */
export async function writePointers(folder: string, topology: Topology): Promise<void> {
  const files = labFiles(folder);
  const [kubeconfigs, { parts }, certificates] = await Promise.all([
    askLab<Record<string, string>>("GET", "/kubeconfigs"),
    askLab<{ parts: { postgres: DatabaseServer[] } }>("GET", "/status"),
    CertificateAuthority.open(folder),
  ]);
  const sites = Object.entries(kubeconfigs).map(([site, text]) => ({ site, config: parse(text) as KubeConfig }));
  replace(
    files.kubeconfig,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": topology.home,
      clusters: sites.map(({ site, config }) => ({ name: site, cluster: config.clusters[0]?.cluster })),
      users: sites.map(({ site, config }) => ({ name: site, user: config.users[0]?.user })),
      contexts: sites.map(({ site }) => ({ name: site, context: { cluster: site, user: site, namespace: topology.service } })),
    }),
  );
  replace(
    files.pgService,
    sites
      .flatMap(({ site }) => {
        const server = latestServer(topology, site, parts.postgres);
        return server === undefined ? [] : [serviceEntry(site, server, topology.database.name, certificates.caFile)];
      })
      .join("\n"),
  );
}

/** The admin's password, the same at every server: addresses change with each generation. */
export function writePasswords(folder: string, topology: Topology, password: string): void {
  replace(labFiles(folder).pgPass, `*:*:${topology.database.name}:${DATABASE_ADMIN}:${password}\n`);
}

/**
 * The server of a site's newest generation. One that is still being made does not answer, so it counts only where there is
 * no other. Pure.
 */
export function latestServer(topology: Topology, site: string, servers: readonly DatabaseServer[]): DatabaseServer | undefined {
  const names = namesFor(topology, "lab").site(site);
  const own = servers.flatMap((server) => {
    const generation = Number(/\d+$/.exec(server.id)?.[0] ?? NaN);
    return server.region === names.region && server.id === names.database(generation) ? [{ server, generation }] : [];
  });
  const made = own.filter(({ server }) => !["creating", "failed", "deleting"].includes(server.state));
  return (made.length > 0 ? made : own).sort((a, b) => b.generation - a.generation)[0]?.server;
}

function serviceEntry(site: string, { host, port }: DatabaseServer, database: string, caFile: string): string {
  return [
    `[${site}]`,
    `host=${host}`,
    `port=${port}`,
    `dbname=${database}`,
    `user=${DATABASE_ADMIN}`,
    "sslmode=verify-full",
    `sslrootcert=${caFile}`,
    "",
  ].join("\n");
}

/** At once, for whoever reads it meanwhile. */
function replace(file: string, text: string): void {
  const next = `${file}.${process.pid}`;
  writeFileSync(next, text, { mode: 0o600 });
  renameSync(next, file);
}
