import type { SiteName } from "../../topology/schema";
import type { Environment } from "../facts";
import { Archive, type Amount } from "../probes/archive";

/**
 * Copies to a site what the active site's buckets have and its own have not: the rules copy what is written once they are set, and nothing
 * older. Whatever is newer there stays. May be run again.
 * @param onNote told after each object
 */
export async function catchUp(
  { topology, names }: Environment,
  active: SiteName,
  site: SiteName,
  onNote: (note: string) => void,
): Promise<Amount> {
  const [from, to] = [names.site(active), names.site(site)];
  const archive = new Archive(to.region, from.region);
  const sum: Amount = { objects: 0, bytes: 0 };
  try {
    for (const short of topology.storage.buckets) {
      const { objects, bytes } = await archive.copy(from.bucket(short), to.bucket(short), undefined, (done, of) => {
        onNote(`${short}: ${done.objects} of ${of.objects} objects`);
      });
      sum.objects += objects;
      sum.bytes += bytes;
    }
    return sum;
  } finally {
    archive.close();
  }
}
