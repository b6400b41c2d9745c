import type * as pulumi from "@pulumi/pulumi";

/** What waits for the engine's answer takes some 2 MB of memory for a service: with a thousand at once, two gigabytes. */
const BATCH = 50;

/**
 * Makes resources for each item: at once for the first fifty, and then for fifty more whenever those of the fifty before
 * are there.
 * @param make returns what is to be waited for
 */
export async function inBatches<T>(items: readonly T[], make: (item: T, index: number) => pulumi.Resource[]): Promise<void> {
  for (let at = 0; at < items.length; at += BATCH) {
    const made = items.slice(at, at + BATCH).flatMap((item, i) => make(item, at + i));
    if (at + BATCH < items.length) await Promise.all(made.map(there));
  }
}

/** A resource has its URN once the engine has carried it out, in a preview once it is planned. */
export function there(resource: pulumi.Resource): Promise<unknown> {
  return new Promise((resolve) => {
    resource.urn.apply(resolve);
  });
}
