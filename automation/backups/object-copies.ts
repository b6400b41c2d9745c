import { formatDuration } from "../../topology/duration";
import { sitesThatAre } from "../../topology/roles";
import type { DisasterName, SiteName } from "../../topology/schema";
import { latestActivation, type Environment, type SiteFacts } from "../facts";
import { Objects } from "../objects";
import { Archive, type Inventory, type Stored } from "../probes/archive";
import { late, type Copy, type Storage } from "./copies";

/** For reading an object through, in milliseconds. */
const READ_MS = 300_000;

/** Copies of the service's objects: at the standby, and in the archive of every cold site. */
export async function objectCopies(env: Environment, facts: SiteFacts[]): Promise<Copy[]> {
  const { topology, workspace } = env;
  const { activeSite } = latestActivation(topology, facts);
  const { protectedBy } = await workspace.settings(activeSite);
  const found = await Promise.all(
    topology.storage.buckets.map(async (short) => {
      const live = await inventoryOf(env, activeSite, short, "bucket");
      const targets: [SiteName, Storage, DisasterName][] = [
        ...(protectedBy === undefined ? [] : [[protectedBy, "bucket", "regional-outage"] as [SiteName, Storage, DisasterName]]),
        ...sitesThatAre("cold", topology).map((site): [SiteName, Storage, DisasterName] => [site, "archive", "multi-region-outage"]),
      ];
      return [
        { ...about(env, activeSite, short, "bucket", live), live: true, at: new Date().toISOString(), ageMs: 0 },
        ...(await Promise.all(targets.map((target) => copyOf(env, activeSite, short, live, target)))),
      ];
    }),
  );
  return found.flat();
}

function about({ topology }: Environment, site: SiteName, short: string, storage: Storage, { bucket, objects }: Inventory) {
  const archived = objects.filter(({ state }) => state !== "readable").length;
  return {
    data: `objects ${short}`,
    site,
    region: topology.sites[site]?.region ?? "",
    storage,
    id: bucket,
    rpo: null,
    read: `${objects.length} objects${archived > 0 ? `, ${archived} of them archived and not readable before they are retrieved` : ""}`,
    problems: [],
  } satisfies Partial<Copy>;
}

async function inventoryOf({ topology, names }: Environment, site: SiteName, short: string, storage: Storage): Promise<Inventory> {
  const archive = new Archive(topology.sites[site]?.region ?? "");
  try {
    return await archive.inventory(storage === "archive" ? names.site(site).archive(short) : names.site(site).bucket(short));
  } finally {
    archive.close();
  }
}

/** Holds a copy against what it is a copy of: what is missing, and whether the newest object that can be read is the same. */
async function copyOf(
  env: Environment,
  active: SiteName,
  short: string,
  live: Inventory,
  [site, storage, disaster]: [SiteName, Storage, DisasterName],
): Promise<Copy> {
  const copy = await inventoryOf(env, site, short, storage);
  const there = new Map(copy.objects.map((object) => [object.key, object]));
  const missing = live.objects.filter((object) => !isCopied(object, there.get(object.key)));
  // Up to the oldest one that has not arrived it has everything.
  const since = missing.reduce((oldest, { modified }) => Math.min(oldest, modified.getTime()), Date.now());
  const ageMs = Math.max(0, Date.now() - since);
  const rpo = { disaster, ms: env.topology.disasters[disaster].rpo };
  const common = about(env, site, short, storage, copy);
  const newest = newestOf(live.objects.filter((object) => there.get(object.key)?.state === "readable" && !missing.includes(object)));
  const same = newest === undefined ? undefined : await alike(env, newest.key, [active, live.bucket], [site, copy.bucket]);
  return {
    ...common,
    live: false,
    at: new Date(since).toISOString(),
    ageMs,
    rpo,
    read: `${common.read}, ${missing.length} not there yet${same === undefined ? "; none that can be read" : "; the newest read at both ends"}`,
    problems: [...(same === false ? [`${newest?.key ?? ""} is not what ${live.bucket} has`] : []), ...late(ageMs, rpo, formatDuration)],
  };
}

/** A version that was made there after this one is its copy, or what the service has written since. */
function isCopied({ bytes, modified }: Stored, copy: Stored | undefined): boolean {
  return copy !== undefined && (copy.modified.getTime() > modified.getTime() || copy.bytes === bytes);
}

function newestOf(objects: Stored[]): Stored | undefined {
  return objects.reduce<Stored | undefined>((newest, one) => (newest && newest.modified >= one.modified ? newest : one), undefined);
}

async function alike(env: Environment, key: string, ...ends: [SiteName, string][]): Promise<boolean> {
  const hashes = await Promise.all(
    ends.map(async ([site, bucket]) => {
      const objects = new Objects(env.topology.sites[site]?.region ?? "", READ_MS);
      try {
        return await objects.digest(bucket, key);
      } finally {
        objects.close();
      }
    }),
  );
  return new Set(hashes).size === 1;
}
