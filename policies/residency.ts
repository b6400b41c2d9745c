import type { SiteName } from "../topology/schema";
import { bucketsOf } from "./buckets";
import { BACKUP_PLAN, BUCKET_REPLICATION, INSTANCE } from "./kinds";
import { unless, type Look } from "./look";
import type { Rule } from "./rule";

/** What the topology says of the place of a database or bucket: `undefined` where it may be there. */
function objection({ topology }: Look, held: string, region: string): string | undefined {
  const found = Object.entries(topology.residency).filter(([, { holds }]) => holds.includes(held));
  if (found.length === 0) return `of a class in residency: nobody has said where ${held} may be`;
  const [wrong] = found.filter(([, { regions, transfers }]) => !regions.includes(region) && transfers[region] === undefined);
  if (!wrong) return undefined;
  const [name, { regions }] = wrong;
  return `in ${regions.join(", ")}, or with the basis of the transfer in residency.${name}.transfers.${region}`;
}

export const residency: Rule = {
  name: "residency",
  theme: "residency",
  description: "Each class of data, and each copy of it, is in the regions that its rule allows, or in one whose transfer basis is named",
  reason: "Personal data in a third country without a basis are a breach from the first copy on.",
  fix: "Add the region to residency.<class>.regions, or name the basis in transfers; or take the copy away.",
  controls: ["gdpr 44"],
  check: (look) => {
    const { site, names, topology } = look;
    if (!site) return [];
    const regionOf = (other: SiteName): string => topology.sites[other]?.region ?? "";
    const sites = Object.keys(topology.sites);
    const { buckets } = topology.storage;
    return [
      ...look.each(look.all(INSTANCE), (database) => {
        const wrong = objection(look, "database", site.definition.region);
        return [unless(wrong === undefined, database, "region", site.definition.region, wrong ?? "")];
      }),
      ...look.each(bucketsOf(look), (bucket) => {
        const short = buckets.find((name) => [site.names.bucket(name), site.names.archive(name)].includes(bucket.props.bucket ?? ""));
        const wrong = short === undefined ? undefined : objection(look, short, site.definition.region);
        return [unless(wrong === undefined, bucket, "region", site.definition.region, wrong ?? "")];
      }),
      ...look.each(look.all(BUCKET_REPLICATION), (replication) =>
        replication.props.rules.map(({ destination }, i) => {
          const [to, short] = sites.flatMap((other) =>
            buckets.flatMap((name) =>
              [names.site(other).bucketArn(name), names.site(other).archiveArn(name)].includes(destination.bucket) ? [other, name] : [],
            ),
          );
          const wrong =
            to === undefined || short === undefined ? "a bucket of a site of the topology" : objection(look, short, regionOf(to));
          return unless(wrong === undefined, replication, `rules.${i}.destination.bucket`, destination.bucket, wrong ?? "");
        }),
      ),
      ...look.each(look.all(BACKUP_PLAN), (plan) =>
        plan.props.rules.flatMap((rule, i) =>
          (rule.copyActions ?? []).map(({ destinationVaultArn }) => {
            const to = sites.find((other) => names.site(other).vaultArn === destinationVaultArn);
            const wrong = to === undefined ? "a vault of a site of the topology" : objection(look, "database", regionOf(to));
            return unless(wrong === undefined, plan, `rules.${i}.copyActions`, destinationVaultArn, wrong ?? "");
          }),
        ),
      ),
    ];
  },
};
