import type { Activation } from "../../topology/roles";
import type { Environment, SiteFacts } from "../facts";
import type { Incident } from "./incident";
import { updateStack } from "./locks";

/** Tells a site's own stack that it was left: no pods, no copying, its database kept and fenced. */
export async function retire(
  env: Environment,
  incident: Incident,
  { site, activation }: SiteFacts,
  current: Activation,
): Promise<{ retained: string }> {
  const retained = withGeneration(activation?.retained ?? [], activation?.generation ?? 1);
  await env.workspace.configure(site, {
    activeSite: current.activeSite,
    epoch: String(current.epoch),
    retained,
    protectedBy: undefined,
    capacity: undefined,
    confirmedUntil: undefined,
  });
  await updateStack(env, incident, site);
  return { retained };
}

/** Generations as config has them: `1,2`. */
export function withGeneration(retained: readonly number[], generation: number): string {
  return [...new Set([...retained, generation])].sort((a, b) => a - b).join(",");
}
