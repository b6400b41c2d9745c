import { delimiter, dirname } from "node:path";
import type { CertificateAuthority } from "./certificates";
import type { LabDescription } from "./daemon";
import { labFiles } from "./folder";
import { boundPort, url, world as worldOf, type World } from "./world";

/** What `aws`, `kubectl`, `psql`, `pulumi` and the driver need to be pointed at the lab. */
export function labEnvironment(
  folder: string,
  { topology, privileged, tools, pulumiHome }: LabDescription,
  certificates: Pick<CertificateAuthority, "caFile">,
): Record<string, string> {
  const files = labFiles(folder);
  const world = worldOf(privileged);
  const onPath = ["pulumi", "pulumi-language-nodejs", "psql"].flatMap((name) => tools[name] ?? []).map((path) => dirname(path));
  const home = topology.sites[topology.home];
  return {
    CHANGEOVER_ENVIRONMENT: "lab",
    CHANGEOVER_RESOLVER: `${world.dns.host}:${world.dns.port}`,
    CHANGEOVER_PORT: String(boundPort(world.privileged, 443)),
    CHANGEOVER_JOURNALS: files.journals,
    AWS_ENDPOINT_URL: url(world.aws),
    AWS_ACCESS_KEY_ID: "lab",
    AWS_SECRET_ACCESS_KEY: "lab",
    AWS_REGION: home?.region ?? "us-east-1",
    // The CLI reads this one.
    AWS_DEFAULT_REGION: home?.region ?? "us-east-1",
    // What is not imported from the caller's own configuration cannot reach a real account.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true",
    KUBECONFIG: files.kubeconfig,
    PGSERVICEFILE: files.pgService,
    PGPASSFILE: files.pgPass,
    PGSERVICE: topology.home,
    NODE_EXTRA_CA_CERTS: certificates.caFile,
    PULUMI_BACKEND_URL: `file://${files.state}`,
    PULUMI_HOME: pulumiHome,
    PULUMI_CONFIG_PASSPHRASE_FILE: files.passphrase,
    // A language host built from its last Go module knows ts-node only, which would check types at every run.
    PULUMI_NODEJS_TRANSPILE_ONLY: "true",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PATH: [...new Set(onPath), process.env["PATH"] ?? "/usr/bin:/bin"].join(delimiter),
  };
}

/** The environment as a shell reads it, with `dig` asking the lab's name server. */
export function shellScript(environment: Record<string, string>, world: World): string {
  const quote = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;
  return [
    ...Object.entries(environment).map(([key, value]) => `export ${key}=${quote(value)}`),
    "unset AWS_PROFILE AWS_SESSION_TOKEN PULUMI_CONFIG_PASSPHRASE PGHOST PGPORT PGUSER PGDATABASE",
    `dig() { command dig @${world.dns.host} -p ${world.dns.port} "$@"; }`,
    "",
  ].join("\n");
}
