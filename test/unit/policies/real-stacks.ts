import { STACK_REFERENCE } from "../../../policies/kinds";
import { Look, type Resource } from "../../../policies/look";
import { program } from "../../../stacks/program";
import { parseStackName, type StackName } from "../../../topology/names";
import type { Topology } from "../../../topology/schema";
import { record, topology, type RecordOptions } from "../components/recorder";
import { settings } from "../stacks/settings";

/** A stack of the project as the pack is shown it. */
export interface RealStack {
  stack: StackName;
  resources: Resource[];
}

const ORGANIZATION = "organization/changeover";
const reached = (role: string, change: Record<string, unknown> = {}) => ({
  activeSite: "primary",
  epoch: 1,
  generation: 1,
  role,
  ...change,
});
const standing = (own: string, role: string): RecordOptions => ({ stacks: { [`${ORGANIZATION}/${own}`]: reached(role) } });
const balancer = (site: string) => ({ loadBalancer: { arn: `arn:${site}`, dnsName: `${site}.elb`, zoneId: `Z${site}` } });

/** Every stack, in every role that a site has. */
const STACKS: Record<string, () => RecordOptions> = {
  "active at home": () => ({
    ...settings("production-primary", { protectedBy: "secondary" }),
    ...standing("production-primary", "active"),
  }),
  standby: () => ({ ...settings("production-secondary"), ...standing("production-secondary", "standby") }),
  "active elsewhere": () => settings("production-secondary", { activeSite: "secondary", epoch: "2", protectedBy: "primary" }),
  fenced: () => settings("production-primary", { activeSite: "secondary", epoch: "2", retained: "1" }),
  "standby at home": () => settings("production-primary", { activeSite: "secondary", epoch: "2", generation: "2", retained: "1" }),
  dormant: () => settings("production-cold"),
  "active at the cold site": () =>
    settings("production-cold", { activeSite: "cold", epoch: "2", snapshot: "awsbackup:copy", protectedBy: "secondary" }),
  edge: () => ({
    stack: "production-edge",
    stacks: {
      [`${ORGANIZATION}/production-primary`]: { ...balancer("primary"), ...reached("active") },
      [`${ORGANIZATION}/production-secondary`]: { ...balancer("secondary"), ...reached("standby") },
      [`${ORGANIZATION}/production-cold`]: { ...balancer("cold"), ...reached("dormant") },
    },
  }),
};
export const STACK_KINDS = Object.keys(STACKS);

const recorded = new Map<string, Promise<RealStack>>();

/** Nobody changes it: `copyOf` makes one that may be. */
export function realStack(kind: string): Promise<RealStack> {
  const found = recorded.get(kind) ?? recordStack(kind);
  recorded.set(kind, found);
  return found;
}

async function recordStack(kind: string): Promise<RealStack> {
  const options = STACKS[kind]!();
  const recording = await record(() => program(), options);
  const made = recording.resources.map(({ urn, type, name, inputs, dependencies }) => ({ urn, type, name, props: inputs, dependencies }));
  const references = Object.entries(options.stacks ?? {}).map(([name, outputs]) => ({
    urn: `urn:${name}`,
    type: STACK_REFERENCE.token,
    name,
    props: { name, outputs },
    dependencies: {},
  }));
  return { stack: parseStackName(options.stack!)!, resources: [...made, ...references] };
}

/** A stack whose resources have been copied, so that a test may spoil them. */
export function lookAt({ stack, resources }: RealStack, change: { topology?: Topology; config?: Record<string, unknown> } = {}): Look {
  return new Look(resources, stack, change.topology ?? topology, change.config);
}

export function copyOf({ stack, resources }: RealStack): RealStack {
  return { stack, resources: structuredClone(resources) };
}
