import { AWS_PROVIDER, DEPLOYMENT, TARGET_GROUP } from "./kinds";
import { nameOf, unless, type Look } from "./look";
import type { Rule } from "./rule";

const theme = "ownership" as const;
const controls = ["iso27001 A.5.29"] as const;

export const tagged: Rule = {
  name: "tagged",
  theme,
  description: "Everything in AWS is tagged with its service, environment, site and owner",
  reason: "At 3 a.m. nobody knows whose a thing is, or whether it may go.",
  fix: "Make it with the provider of regionProvider.",
  controls,
  check: (look) => {
    const { topology, stack, site } = look;
    const wanted = { service: topology.service, environment: stack.environment, site: site?.name ?? stack.part, owner: topology.owner };
    return look.each(look.all(AWS_PROVIDER), (provider) => {
      const defaults: unknown = provider.props.defaultTags;
      // A provider has its structures as JSON.
      const { tags = {} } = (typeof defaults === "string" ? JSON.parse(defaults) : (defaults ?? {})) as { tags?: Record<string, string> };
      return Object.entries(wanted).map(([key, value]) =>
        unless(tags[key] === value, provider, `defaultTags.tags.${key}`, tags[key], value),
      );
    });
  },
};

export const labelled: Rule = {
  name: "labelled",
  theme,
  description: "Every service is labelled in the cluster with the system that it is part of, and there and in AWS with its tier",
  reason: "Who recovers by tier has to find a tier.",
  fix: "Make it with the Service component, and its target group with Balancer.",
  controls,
  check: (look) => [
    ...look.each(look.all(TARGET_GROUP), (group) => {
      const { name, tags } = group.props;
      const tier = tierOf(look, (service) => look.site?.names.targetGroup(service) === name);
      return [
        unless(tier !== undefined, group, "name", name, "of a service of the topology"),
        unless(tags?.["tier"] === tier, group, "tags.tier", tags?.["tier"], tier ?? "none"),
      ];
    }),
    ...look.each(look.all(DEPLOYMENT), (deployment) => {
      const name = nameOf(deployment.props);
      const labels = (deployment.props.metadata as { labels?: Record<string, string> } | undefined)?.labels ?? {};
      const tier = tierOf(look, (service) => service === name);
      return [
        unless(
          labels["app.kubernetes.io/part-of"] === look.names.namespace,
          deployment,
          "metadata.labels.app.kubernetes.io/part-of",
          labels["app.kubernetes.io/part-of"],
          look.names.namespace,
        ),
        ...(tier === undefined
          ? []
          : [unless(labels["changeover/tier"] === tier, deployment, "metadata.labels.changeover/tier", labels["changeover/tier"], tier)]),
      ];
    }),
  ],
};

function tierOf({ topology }: Look, isIt: (service: string) => boolean): string | undefined {
  const found = topology.tiers.find(({ services }) => Object.keys(services).some(isIt));
  return found && String(found.tier);
}
