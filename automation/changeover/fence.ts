import { fenceWrites } from "../../guard/writes";
import type { SiteName } from "../../topology/schema";
import type { Environment, SiteFacts } from "../facts";
import { scaleToZero } from "../probes/cluster";
import { asAdmin, databaseOf, servicesOf, subjectOf } from "./sites";

/** How long the database of a site that may be lost is given to take the fence, and then the rest of the site. */
const DATABASE_MS = 2_000;
const REST_MS = 4_000;
/** Kubernetes' word that a pod's processes are gone comes some seconds after they were told to end. */
const PODS_MS = 10_000;

/** What came of trying to fence a site. */
export interface Fencing {
  /** Whether it is certain that the site takes no writes. */
  known: boolean;
  /** Whether anything was done at the site. */
  touched: boolean;
  /** What did it, or what was tried in vain; one part each. */
  tried: string[];
  /** All that the site ever acknowledged is before this position of its WAL; only where its database took the fence. */
  lsn?: string;
}

/**
 * Fences a site by what still answers there. Its database first: that alone is enough. Where it does not answer, the way
 * to it is closed and the services are ended; both together are enough.
 * @param mark what its database is marked with; the epoch is that of the changeover which takes the site's role away
 */
export async function fenceSite(
  env: Environment,
  facts: SiteFacts,
  secrets: Record<string, string>,
  mark: { epoch: number; by: string; reason: string },
): Promise<Fencing> {
  try {
    const { lsn, ended } = await asAdmin(
      databaseOf(facts, secrets),
      (client) => fenceWrites(client, { ...subjectOf(env), site: facts.site, ...mark }),
      DATABASE_MS,
    );
    return { known: true, touched: true, tried: [`its database takes no writes (${ended} sessions ended)`], lsn };
  } catch (error) {
    const tried = [`database: ${(error as Error).message}`];
    const [closed, ended] = await Promise.allSettled([
      closeDatabase(env, facts.site),
      scaleToZero(secrets["kubeconfig"] ?? "", env.names.namespace, servicesOf(env), { callMs: REST_MS, timeoutMs: PODS_MS }),
    ]);
    tried.push(closed.status === "fulfilled" ? "its database's security group is closed" : `security group: ${reasonOf(closed)}`);
    tried.push(ended.status === "fulfilled" ? "its services have no pods" : `services: ${reasonOf(ended)}`);
    const done = [closed, ended].filter(({ status }) => status === "fulfilled").length;
    return { known: done === 2, touched: done > 0, tried };
  }
}

/** Takes every way in from the security group of the site's database. `reprotect` opens it again. */
async function closeDatabase({ topology, names }: Environment, site: SiteName): Promise<void> {
  const { EC2Client, DescribeSecurityGroupsCommand, RevokeSecurityGroupIngressCommand } = await import("@aws-sdk/client-ec2");
  const client = new EC2Client({ region: topology.sites[site]?.region ?? "", maxAttempts: 1 });
  const abortSignal = AbortSignal.timeout(REST_MS);
  try {
    const filter = { Filters: [{ Name: "group-name", Values: [names.site(site).databaseSecurityGroup] }] };
    const { SecurityGroups = [] } = await client.send(new DescribeSecurityGroupsCommand(filter), { abortSignal });
    if (SecurityGroups.length === 0) throw new Error("there is none");
    for (const { GroupId, IpPermissions = [] } of SecurityGroups) {
      if (IpPermissions.length > 0) await client.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }), { abortSignal });
    }
  } finally {
    client.destroy();
  }
}

function reasonOf({ reason }: PromiseRejectedResult): string {
  return (reason as Error).message;
}
