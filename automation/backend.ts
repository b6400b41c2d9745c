/**
 * Whether a failover could begin without the active region: where Pulumi's state, the key of its secrets, the journal
 * and the exported facts are. Pure: from what files and variables say, without a call to anything.
 *
 * Sources, named with each finding:
 * - Pulumi documentation, 'Using a DIY Backend': `s3://<bucket>?region=<region>`, `file://<path>`, and that copies of
 *   the state are then the owner's own affair.
 * - Pulumi documentation, 'Secrets', 'Available encryption providers': `awskms://<key>?region=<region>`, `passphrase`.
 * - Go CDK, package `awskms`: the three forms of that URL, by id, `alias/<name>` and `/arn:aws:kms:...`.
 * - AWS KMS Developer Guide, 'How multi-Region keys work': a multi-Region key's id begins with `mrk-`.
 * - Amazon S3 User Guide, 'Replicating objects within and across Regions'.
 * - AWS Well-Architected, REL11-BP04: rely on the data plane, and not on what is lost, during recovery.
 */

/** `refused`: the active region's loss takes it along. `warning`: it survives, if people do their part. */
export type Level = "fine" | "warning" | "refused";

export interface BackendCheck {
  name: "state" | "key" | "journal" | "facts";
  level: Level;
  /** What was found, as a sentence. */
  finding: string;
  /** What would make it fine. */
  satisfy?: string;
  /** Documentation that the rule comes from. */
  source?: string;
}

export interface BackendFacts {
  /** Pulumi's backend, as it would choose it; `undefined` where nobody has logged in. */
  backendUrl: string | undefined;
  /** Region of AWS clients that are told none: `AWS_REGION`, `AWS_DEFAULT_REGION`. */
  clientRegion?: string | undefined;
  /**
   * `changeover:stateReplica` of the `edge` stack: the backend's URL of the bucket that the state's bucket is replicated
   * to. Doctor asks no region, so this is how it is told; it is also the `PULUMI_BACKEND_URL` to use in the incident.
   */
  stateReplica?: string | undefined;
  /** By stack: `secretsprovider` of its config file, `passphrase` where that has a salt, `undefined` where it keeps no secret of its own. */
  secretsProviders: Record<string, string | undefined>;
  activeSite: string;
  epoch: number;
  /** Region of each site. */
  regions: Record<string, string>;
  /** Folder of the journals, on this machine. */
  journals: string;
  /** The last bundle that this machine made of the environment. */
  bundle?: BundleStamp | undefined;
  now: Date;
}

/** What a machine remembers of the last `changeover bundle`. */
export interface BundleStamp {
  /** ISO 8601. */
  madeAt: string;
  epoch: number;
  /** Folder; absent where facts were published only. */
  folder?: string;
  /** Sites whose control bucket has the facts. */
  published: string[];
}

const DIY = "Pulumi documentation, Using a DIY Backend";
const SECRETS = "Pulumi documentation, Secrets: available encryption providers";
const REPLICATION = "Amazon S3 User Guide, Replicating objects within and across Regions";
const MULTI_REGION = "AWS KMS Developer Guide, How multi-Region keys work";
const DATA_PLANE = "AWS Well-Architected, REL11-BP04";

const BUNDLE = "changeover bundle --out DIR, on a machine or medium that does not share the active region's fate";
const DAY_MS = 86_400_000;
const STALE_DAYS = 7;

/** Every check, each with what would satisfy it; the environment is fit when none is `refused`. */
export function backendObjections(facts: BackendFacts): BackendCheck[] {
  return [checkState(facts), ...checkKeys(facts), checkJournal(facts), checkFacts(facts)];
}

function checkState(facts: BackendFacts): BackendCheck {
  const { backendUrl } = facts;
  const name = "state";
  if (backendUrl === undefined || backendUrl === "") {
    return {
      name,
      level: "refused",
      finding: "no backend is chosen: neither PULUMI_BACKEND_URL nor Pulumi.yaml nor a login names one",
      satisfy: "pulumi login <backend>, or PULUMI_BACKEND_URL",
      source: DIY,
    };
  }
  const scheme = schemeOf(backendUrl);
  if (scheme === "file") {
    return {
      name,
      level: "warning",
      finding: "the state is a folder of one machine: it is lost with that machine, and nobody else can take over",
      satisfy: `${BUNDLE}; or a backend that several machines reach`,
      source: DIY,
    };
  }
  if (scheme === "s3") return checkBucket(facts, backendUrl);
  if (scheme === "http" || scheme === "https") {
    return {
      name,
      level: "fine",
      finding: `the state is in Pulumi Cloud (${hostOf(backendUrl)}), outside the sites' regions`,
      source: DIY,
    };
  }
  return { name, level: "fine", finding: `the state is in a backend outside AWS (${scheme}://)`, source: DIY };
}

function checkBucket(facts: BackendFacts, backendUrl: string): BackendCheck {
  const name = "state";
  const active = activeRegion(facts);
  const { bucket, region, elsewhere } = readBucketUrl(backendUrl, facts.clientRegion);
  if (elsewhere !== undefined) {
    return {
      name,
      level: "warning",
      finding: `the state is in bucket ${bucket} behind ${elsewhere}; where that stands, its name does not tell`,
      satisfy: `see to it that it is not in ${active}, or ${BUNDLE}`,
      source: DIY,
    };
  }
  if (region === undefined) {
    return {
      name,
      level: "refused",
      finding: `the state is in bucket ${bucket}, and nothing says in which region`,
      satisfy: `name it in the backend's URL: s3://${bucket}?region=<region>`,
      source: DIY,
    };
  }
  if (region !== active) return { name, level: "fine", finding: `the state is in bucket ${bucket} in ${region}`, source: DIY };
  const here = `the state is in bucket ${bucket} in ${active}, the region of the active site ${facts.activeSite}`;
  const move = `move the state: pulumi stack export, pulumi login s3://<bucket>?region=<another region>, pulumi stack import; or replicate the bucket to another region and say so: pulumi config set -s <environment>-edge changeover:stateReplica "s3://<replica>?region=<its region>"`;
  if (facts.stateReplica === undefined) return { name, level: "refused", finding: here, satisfy: move, source: REPLICATION };
  const replica = readBucketUrl(facts.stateReplica, undefined);
  if (schemeOf(facts.stateReplica) !== "s3" || replica.region === undefined || replica.region === active || replica.bucket === bucket) {
    return {
      name,
      level: "refused",
      finding: `${here}; changeover:stateReplica, ${facts.stateReplica}, names no bucket of another region`,
      satisfy: `pulumi config set -s <environment>-edge changeover:stateReplica "s3://<replica>?region=<a region other than ${active}>"`,
      source: REPLICATION,
    };
  }
  return {
    name,
    level: "warning",
    finding: `${here}, and is replicated to ${replica.bucket} in ${replica.region}, as changeover:stateReplica says; what was not copied yet is lost with the region`,
    satisfy: `in the incident: PULUMI_BACKEND_URL="${facts.stateReplica}"`,
    source: REPLICATION,
  };
}

/** One finding for each kind of key, whatever the number of stacks that share it. */
function checkKeys(facts: BackendFacts): BackendCheck[] {
  const stacksOf = new Map<string, string[]>();
  for (const [stack, provider] of Object.entries(facts.secretsProviders)) {
    if (provider !== undefined) stacksOf.set(provider, [...(stacksOf.get(provider) ?? []), stack]);
  }
  if (stacksOf.size === 0) return [{ name: "key", level: "fine", finding: "no stack has a key of its own", source: SECRETS }];
  return [...stacksOf].map(([provider, stacks]) => checkKey(facts, provider, stacks.join(", ")));
}

function checkKey(facts: BackendFacts, provider: string, stacks: string): BackendCheck {
  const name = "key";
  if (provider === "passphrase") {
    return {
      name,
      level: "fine",
      finding: `a passphrase opens the secrets of ${stacks}: it is in no region, no state and no bundle, so keep it where people reach it without ${activeRegion(facts)}`,
      source: SECRETS,
    };
  }
  const scheme = schemeOf(provider);
  if (scheme !== "awskms") {
    const where = provider === "default" ? "Pulumi Cloud" : `a key outside AWS KMS (${scheme}://)`;
    return { name, level: "fine", finding: `${where} opens the secrets of ${stacks}`, source: SECRETS };
  }
  const active = activeRegion(facts);
  const { key, region } = readKeyUrl(provider, facts.clientRegion);
  if (region === undefined) {
    return {
      name,
      level: "refused",
      finding: `KMS key ${key} opens the secrets of ${stacks}, and nothing says in which region`,
      satisfy: `name it: awskms://${key}?region=<region>`,
      source: SECRETS,
    };
  }
  if (region !== active)
    return { name, level: "fine", finding: `KMS key ${key} in ${region} opens the secrets of ${stacks}`, source: SECRETS };
  if (/(^|\/)mrk-/.test(key)) {
    return {
      name,
      level: "warning",
      finding: `multi-Region key ${key} opens the secrets of ${stacks}, and they ask for it in ${active}, the active region`,
      satisfy: `see to it that it has a replica in another region, and name that one: pulumi stack change-secrets-provider "awskms://${key.replace(active, "<region>")}?region=<region>"`,
      source: MULTI_REGION,
    };
  }
  return {
    name,
    level: "refused",
    finding: `KMS key ${key} in ${active}, the active region, opens the secrets of ${stacks}: without it neither state nor config can be read`,
    satisfy:
      'a multi-Region key with a replica elsewhere, a key of another region, or a passphrase: pulumi stack change-secrets-provider "awskms://<key>?region=<another region>"',
    source: MULTI_REGION,
  };
}

function checkJournal(facts: BackendFacts): BackendCheck {
  const others = survivors(facts);
  return others.length === 0
    ? {
        name: "journal",
        level: "refused",
        finding: `journals are copied to the sites' control buckets, and all of them are in ${activeRegion(facts)}`,
        satisfy: "a site in another region",
        source: DATA_PLANE,
      }
    : {
        name: "journal",
        level: "fine",
        finding: `journals are written on the machine that runs the changeover (here ${facts.journals}) and copied to a control bucket that survives: ${others.join(", ")}`,
        source: DATA_PLANE,
      };
}

function checkFacts(facts: BackendFacts): BackendCheck {
  const name = "facts";
  const { bundle, activeSite, epoch, now } = facts;
  const satisfy = `${BUNDLE}, with --publish`;
  if (bundle === undefined) {
    return {
      name,
      level: "warning",
      finding: "this machine has made no bundle: without the backend there is nothing to fail over with",
      satisfy,
      source: DATA_PLANE,
    };
  }
  const kept = bundle.published.filter((site) => survivors(facts).includes(site));
  if (bundle.folder === undefined && kept.length === 0) {
    return {
      name,
      level: "refused",
      finding: `the facts were published to ${bundle.published.join(", ") || "no site"} only, in the region of the active site ${activeSite}`,
      satisfy,
      source: DATA_PLANE,
    };
  }
  const where = [...(bundle.folder === undefined ? [] : [bundle.folder]), ...kept.map((site) => `${site}'s control bucket`)].join(", ");
  const days = Math.floor((now.getTime() - Date.parse(bundle.madeAt)) / DAY_MS);
  if (bundle.epoch !== epoch) {
    return {
      name,
      level: "warning",
      finding: `the bundle (${where}) is of epoch ${bundle.epoch}, and the sites have reached epoch ${epoch}`,
      satisfy,
      source: DATA_PLANE,
    };
  }
  if (days >= STALE_DAYS) {
    return { name, level: "warning", finding: `the bundle (${where}) is ${days} days old`, satisfy, source: DATA_PLANE };
  }
  return { name, level: "fine", finding: `a bundle of ${bundle.madeAt}: ${where}`, source: DATA_PLANE };
}

function activeRegion({ regions, activeSite }: BackendFacts): string {
  return regions[activeSite] ?? "";
}

/** Sites in other regions than the active one. */
function survivors(facts: BackendFacts): string[] {
  return Object.keys(facts.regions).filter((site) => facts.regions[site] !== activeRegion(facts));
}

function schemeOf(url: string): string {
  return /^([a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase() ?? "";
}

/** The host alone: a URL may hold a login. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "";
}

function readBucketUrl(url: string, clientRegion: string | undefined): { bucket: string; region: string | undefined; elsewhere?: string } {
  const [path = "", query = ""] = url.replace(/^s3:\/\//i, "").split("?", 2);
  const parameters = new URLSearchParams(query);
  const endpoint = parameters.get("endpoint");
  const elsewhere = endpoint !== null && !/amazonaws\.com(\.cn)?(:\d+)?\/?$/.test(endpoint) ? endpoint : undefined;
  const region = parameters.get("region") ?? clientRegion;
  return { bucket: path.split("/")[0] ?? "", region: region === "" ? undefined : region, ...(elsewhere !== undefined && { elsewhere }) };
}

function readKeyUrl(url: string, clientRegion: string | undefined): { key: string; region: string | undefined } {
  const [path = "", query = ""] = url.replace(/^awskms:\/\//i, "").split("?", 2);
  const key = path.replace(/^\//, "");
  const own = /^arn:[a-z-]+:kms:([a-z0-9-]+):/.exec(key)?.[1];
  const region = new URLSearchParams(query).get("region") ?? own ?? clientRegion;
  return { key, region: region === "" ? undefined : region };
}
