import type { Activation, Standing } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";

/** Config of a stack, keys without `changeover:`; `undefined` takes a key out. */
export type StackConfig = Record<string, string | undefined>;

/** Of the site that takes over. */
export function takesOver({ activeSite, epoch }: Activation): StackConfig {
  return { activeSite, epoch: String(epoch), capacity: undefined, protectedBy: undefined, confirmedUntil: undefined };
}

/** Of the `data` stack, which follows the active site. */
export function follows({ activeSite, epoch }: Activation): StackConfig {
  return { activeSite, epoch: String(epoch) };
}

/** Of a site that was left: its database is kept, and fenced. */
export function isLeft({ activeSite, epoch }: Activation, own: Standing | undefined): StackConfig & { retained: string } {
  return {
    activeSite,
    epoch: String(epoch),
    retained: withGeneration(own?.retained ?? [], own?.generation ?? 1),
    protectedBy: undefined,
    capacity: undefined,
    confirmedUntil: undefined,
  };
}

/** What a site needs to know that is rebuilt as a standby. */
export interface Rebuilt {
  active: SiteName;
  epoch: number;
  /** Of its new database. */
  generation: number;
  /** Its generations that are kept, as config has them. */
  retained: string;
  sourceGeneration: number;
}

/** Of a site that is rebuilt as a standby. */
export function standsBy({ active, epoch, generation, retained, sourceGeneration }: Rebuilt): StackConfig {
  return {
    activeSite: active,
    epoch: String(epoch),
    generation: String(generation),
    sourceGeneration: String(sourceGeneration),
    retained,
    protectedBy: undefined,
    capacity: undefined,
    confirmedUntil: undefined,
  };
}

/** Of the active site, once another one protects it. */
export function isProtectedBy(site: SiteName): StackConfig {
  return { protectedBy: site, confirmedUntil: undefined };
}

/** Generations as config has them: `1,2`. */
export function withGeneration(retained: readonly number[], generation: number): string {
  return [...new Set([...retained, generation])].sort((a, b) => a - b).join(",");
}
