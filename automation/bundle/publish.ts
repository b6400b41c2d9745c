import { Objects } from "../objects";
import type { Facts } from "./facts";

export interface Published {
  site: string;
  bucket: string;
  /** Why the site has no copy. */
  failure?: string;
}

/**
 * Puts the facts into the sites' control buckets: `facts/<time>.json`, which nothing overwrites, and `facts/latest.json`.
 * @param skip sites to which no call is made
 */
export async function publishFacts(facts: Facts, skip: readonly string[]): Promise<Published[]> {
  const body = `${JSON.stringify(facts, null, 2)}\n`;
  return Promise.all(
    facts.sites.map(async ({ site, region, controlBucket: bucket }): Promise<Published> => {
      if (skip.includes(site)) return { site, bucket, failure: "not asked" };
      const objects = new Objects(region);
      try {
        await objects.put(bucket, `facts/${facts.madeAt}.json`, body);
        await objects.put(bucket, "facts/latest.json", body);
        return { site, bucket };
      } catch (error) {
        return { site, bucket, failure: (error as Error).message || (error as Error).name };
      } finally {
        objects.close();
      }
    }),
  );
}
