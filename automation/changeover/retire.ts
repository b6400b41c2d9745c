import type { Activation } from "../../topology/roles";
import type { Environment, SiteFacts } from "../facts";
import { isLeft } from "./config";
import type { Incident } from "./incident";
import { updateStack } from "./locks";

/** Tells a site's own stack that it was left: no pods, no copying, its database kept and fenced. */
export async function retire(
  env: Environment,
  incident: Incident,
  { site, activation }: SiteFacts,
  current: Activation,
): Promise<{ retained: string }> {
  const config = isLeft(current, activation);
  await env.workspace.configure(site, config);
  await updateStack(env, incident, site);
  return { retained: config.retained };
}
