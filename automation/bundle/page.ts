import { DATABASE_ADMIN, DATABASE_APP } from "../../topology/names";
import type { Topology } from "../../topology/schema";
import type { Facts, SiteEntry } from "./facts";
import type { Versions } from "./versions";

/** What the page is written from. */
export interface PageFacts {
  facts: Facts;
  topology: Topology;
  versions: Versions;
  machinePaths: Record<string, string[]>;
  packages: boolean;
}

/**
 * The one page of a bundle: how to move the service with it, and by hand when nothing of it runs. Every call goes to the
 * site that survives, and but for the promotion, which RDS offers no other way, to a data plane.
 */
export function runbookPage({ facts, topology, versions, machinePaths, packages }: PageFacts): string {
  const { environment, activeSite, epoch } = facts;
  const next = epoch + 1;
  const target = topology.chain
    .map((name) => facts.sites.find(({ site }) => site === name))
    .find((site) => site !== undefined && site.site !== activeSite && site.standby === "warm");
  const path = verifyPath(topology);
  const paths = [...new Set(Object.values(machinePaths).flat())];
  return [
    `# ${facts.service}, ${environment}: moving the service without the backend`,
    "",
    `Made ${facts.madeAt}. Then \`${activeSite}\` was active, in epoch ${epoch}. This folder has the programs${packages ? ", their packages" : ""} and a copy of every`,
    "stack's state; nothing here asks the backend or the active region for anything.",
    "",
    "| site | region | role | database | load balancer | takeover switch | control bucket |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...facts.sites.map(siteRow),
    "",
    "## Before",
    "",
    "- The passphrase of the stacks' secrets is **not** in here, and neither are logins. Bring: the passphrase, AWS credentials that work without",
    `  \`${activeSite}\`'s region, a kubeconfig and the database's password (user \`${DATABASE_ADMIN}\`) for the case that Pulumi does not run.`,
    `- Node.js ${versions.node.split(".")[0] ?? ""}; ${versions.programs.map(({ name, version }) => `${name} ${version}`).join(", ")} (\`versions.json\` has their digests).`,
    ...(packages ? [] : ["- The Node packages are not in here: the first command installs them, which needs the network."]),
    ...(paths.length === 0
      ? []
      : [`- It names paths of the machine that made it, which must be there or be mended first: ${paths.map(code).join(", ")}.`]),
    "- One operator, one copy of this folder: two copies used at once know nothing of each other.",
    "",
    ...(target === undefined
      ? ["No warm standby exists: there is no site to move to with this page."]
      : [...withChangeover(facts, target), ...withPulumi(facts, target, next), ...byHand(facts, topology, target, next, path)]),
    "## Afterwards, with the backend back",
    "",
    "From the checkout, not from here. It refuses where the backend has moved on meanwhile.",
    "",
    "```sh",
    `changeover bundle reconcile DIR -e ${environment}   # DIR: this folder`,
    ...["edge", ...facts.sites.map(({ site }) => site), "data"].map(
      (part) => `pulumi preview --expect-no-changes -s ${environment}-${part}`,
    ),
    "```",
    "",
    `Then re-protect \`${activeSite}\`. Until then nothing stands behind the new active site, and what \`${activeSite}\` had taken and never shipped is only there.`,
    "",
  ].join("\n");
}

function siteRow({ site, region, role, database, loadBalancer, switchBucket, takeoverKey, controlBucket }: SiteEntry): string {
  const address = database === null ? "-" : `\`${database.identifier}\` at \`${database.address}:${database.port}\``;
  return `| ${site} | ${region} | ${role} | ${address} | ${loadBalancer === null ? "-" : code(loadBalancer)} | \`s3://${switchBucket}/${takeoverKey}\` | \`${controlBucket}\` |`;
}

function withChangeover({ activeSite }: Facts, { site }: SiteEntry): string[] {
  return [
    "## 1. With this folder",
    "",
    "In this folder:",
    "",
    "```sh",
    "export PULUMI_CONFIG_PASSPHRASE_FILE=...",
    "node bin/changeover.mjs bundle verify .",
    `node bin/changeover.mjs status --skip ${activeSite}`,
    `node bin/changeover.mjs failover --to ${site} --unreachable ${activeSite} --accept-unfenced "${activeSite} is lost: <how that is known>"`,
    "```",
    "",
    "The journal is in `journals/`. A failover that stopped goes on with `node bin/changeover.mjs resume`.",
    "",
  ];
}

function withPulumi({ environment }: Facts, { site }: SiteEntry, next: number): string[] {
  return [
    "## 2. When the driver fails: plain Pulumi",
    "",
    "```sh",
    'export PULUMI_BACKEND_URL="file://$PWD/state"',
    ...[site, "data"].map(
      (part) => `pulumi up -s ${environment}-${part} -c changeover:activeSite=${site} -c changeover:epoch=${next} --skip-preview --yes`,
    ),
    "```",
    "",
  ];
}

function byHand(facts: Facts, topology: Topology, target: SiteEntry, next: number, path: string): string[] {
  const { namespace, app, environment } = facts;
  const { site, region, database, switchBucket, takeoverKey } = target;
  const dsn = `host=${database?.address ?? "?"} port=${database?.port ?? 5432} dbname=${database?.name ?? "?"} user=${DATABASE_ADMIN} sslmode=require`;
  const mark = JSON.stringify({ activeSite: site, epoch: next });
  return [
    "## 3. When even Pulumi fails: by hand",
    "",
    `All of it in ${region}, in this order. Write down when each was done.`,
    "",
    "```sh",
    "# Promote. The one control-plane call: RDS promotes no other way. Done when psql says f.",
    `aws rds promote-read-replica --region ${region} --db-instance-identifier ${database?.identifier ?? "?"}`,
    `psql "${dsn}" -c 'select pg_is_in_recovery()'`,
    "# Writes: take back a pause or a lease that came with the replica.",
    `psql "${dsn} options='-c default_transaction_read_only=off'" \\`,
    `  -c 'alter database ${database?.name ?? "?"} reset default_transaction_read_only' -c "alter role ${DATABASE_APP} valid until 'infinity'"`,
    "# Services, tier by tier: the next tier when the one before is ready.",
    `scale() { kubectl -n ${namespace} patch hpa "$1" -p '{"spec":{"minReplicas":'$2',"maxReplicas":'$3'}}' &&`,
    `  kubectl -n ${namespace} scale deployment "$1" --replicas "$2" && kubectl -n ${namespace} rollout status deployment "$1" --timeout 120s; }`,
    ...topology.tiers.map(
      ({ tier, services }) =>
        `${Object.entries(services)
          .map(([name, { replicas }]) => `scale ${name} ${replicas.active} ${replicas.max} &`)
          .join(" ")} wait  # tier ${tier}`,
    ),
    "# Traffic: the takeover switch. DNS records are never touched.",
    `echo '${mark}' > takeover.json`,
    `aws s3api put-object --region ${region} --bucket ${switchBucket} --key ${takeoverKey} --content-type application/json --cache-control no-store --body takeover.json`,
    "# Recovered is what a write says that was read back.",
    `row=https://${app}${path}/writes/by-hand-$(date +%s); curl -fsS -X PUT -d '{}' "$row" && curl -fsS "$row"`,
    "```",
    "",
    `When Pulumi runs again: \`pulumi refresh -s ${environment}-${site}\`, then the two commands of part 2. They bring state, guard and epoch in line with what was done.`,
    "",
  ];
}

function verifyPath({ tiers, verify }: Topology): string {
  for (const { services } of tiers) {
    const workload = services[verify.service];
    if (workload) return workload.path;
  }
  return `/${verify.service}`;
}

function code(text: string): string {
  return `\`${text}\``;
}
