import { DEPLOYMENT, DISRUPTION_BUDGET } from "./kinds";
import { unless } from "./look";
import type { Rule } from "./rule";

const theme = "workloads" as const;

export const probed: Rule = {
  name: "pods-probed",
  theme,
  description: "Every container has a readiness and a liveness probe, and bounds of CPU and memory",
  reason: "A pod that is counted as ready and is not loses writes; one without bounds takes its neighbours down under load.",
  fix: "Give the container what hardenedContainer gives.",
  controls: ["iso27001 A.8.14"],
  check: (look) =>
    look.each(look.all(DEPLOYMENT), (deployment) =>
      (deployment.props.spec.template.spec?.containers ?? []).flatMap(({ readinessProbe, livenessProbe, resources }, i) => {
        const at = `containers.${i}`;
        const { limits, requests } = (resources ?? {}) as { limits?: Record<string, string>; requests?: Record<string, string> };
        return [
          unless(readinessProbe?.httpGet?.path !== undefined, deployment, `${at}.readinessProbe`, undefined, "an HTTP probe"),
          unless(
            livenessProbe !== undefined && (livenessProbe.tcpSocket ?? livenessProbe.httpGet) !== undefined,
            deployment,
            `${at}.livenessProbe`,
            undefined,
            "a probe",
          ),
          ...["cpu", "memory"].flatMap((what) => [
            unless(Boolean(limits?.[what]), deployment, `${at}.resources.limits.${what}`, limits?.[what], "set"),
            unless(Boolean(requests?.[what]), deployment, `${at}.resources.requests.${what}`, requests?.[what], "set"),
          ]),
        ];
      }),
    ),
};

export const unprivileged: Rule = {
  name: "pods-unprivileged",
  theme,
  description: "Pods run as nobody in particular, on a file system that cannot be written to, and gain nothing",
  reason: "What breaks out of one service is in all of them, at every site.",
  fix: "Give the pod what hardenedPod and hardenedContainer give.",
  controls: ["pci_dss 7.2", "gdpr 32"],
  check: (look) =>
    look.each(look.all(DEPLOYMENT), (deployment) => {
      const pod = deployment.props.spec.template.spec;
      const { runAsNonRoot, seccompProfile } = pod?.securityContext ?? {};
      return [
        unless(runAsNonRoot === true, deployment, "securityContext.runAsNonRoot", runAsNonRoot, "true"),
        unless(
          seccompProfile?.type === "RuntimeDefault",
          deployment,
          "securityContext.seccompProfile.type",
          seccompProfile?.type,
          "RuntimeDefault",
        ),
        unless(
          pod?.automountServiceAccountToken === false,
          deployment,
          "automountServiceAccountToken",
          pod?.automountServiceAccountToken,
          "false",
        ),
        unless(pod?.hostNetwork !== true, deployment, "hostNetwork", pod?.hostNetwork, "false"),
        ...(pod?.containers ?? []).flatMap(({ securityContext }, i) => {
          const at = `containers.${i}.securityContext`;
          const { readOnlyRootFilesystem, allowPrivilegeEscalation, capabilities, privileged } = securityContext ?? {};
          return [
            unless(readOnlyRootFilesystem === true, deployment, `${at}.readOnlyRootFilesystem`, readOnlyRootFilesystem, "true"),
            unless(allowPrivilegeEscalation === false, deployment, `${at}.allowPrivilegeEscalation`, allowPrivilegeEscalation, "false"),
            unless(capabilities?.drop?.includes("ALL") === true, deployment, `${at}.capabilities.drop`, capabilities?.drop, "ALL"),
            unless(privileged !== true, deployment, `${at}.privileged`, privileged, "false"),
          ];
        }),
      ];
    }),
};

export const pinned: Rule = {
  name: "images-pinned",
  theme,
  description: "Images are named by digest",
  reason: "A tag may be another image at the standby, or at the failover.",
  fix: "name@sha256:<digest>",
  controls: ["iso27001 A.5.30"],
  check: (look) =>
    look.each(look.all(DEPLOYMENT), (deployment) => {
      const pod = deployment.props.spec.template.spec;
      return [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map(({ image }, i) =>
        unless(/@sha256:[0-9a-f]{64}$/.test(image ?? ""), deployment, `containers.${i}.image`, image, "name@sha256:<64 hex digits>"),
      );
    }),
};

const NAME = "app.kubernetes.io/name";

export const budgeted: Rule = {
  name: "disruption-budgets",
  theme,
  description: "Services of tiers 0 and 1, and the guard, lose one pod at a time to whoever empties nodes",
  reason: "An upgrade of the nodes would be an outage of what may least be down.",
  fix: "Leave the budget to the Service component.",
  controls: ["iso27001 A.8.14"],
  check: (look) => {
    if (!look.site || look.role === "dormant") return [];
    const first = look.topology.tiers.filter(({ tier }) => tier <= 1).flatMap(({ services }) => Object.keys(services));
    const services = look.topology.tiers.flatMap((tier) => Object.keys(tier.services));
    const budgets = look.all(DISRUPTION_BUDGET);
    const selected = budgets.map(({ props }) => props.spec?.selector?.matchLabels?.[NAME]);
    return [
      ...[...first, "guard"]
        .filter((name) => !selected.includes(name))
        .map((name) => ({ path: `budgets.${name}`, is: undefined, mayBe: "a PodDisruptionBudget" })),
      ...look.each(budgets, (budget) => {
        const { maxUnavailable, selector } = budget.props.spec ?? {};
        const selected = selector?.matchLabels?.[NAME];
        return [
          unless(maxUnavailable === 1, budget, "spec.maxUnavailable", maxUnavailable, "1"),
          unless(
            [...services, "guard"].includes(selected ?? ""),
            budget,
            "spec.selector.matchLabels",
            selected,
            "a service of the topology, or guard",
          ),
        ];
      }),
    ];
  },
};
