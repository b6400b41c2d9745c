import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { planWorkloads } from "../../../components/workload-plan";
import { Workloads, type WorkloadsArgs } from "../../../components/workloads";
import type { Role } from "../../../topology/roles";
import { record, topology, type Recording } from "./recorder";

const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
const SERVICES = topology.tiers.map((tier) => Object.keys(tier.services));

function args(role: Role, change: Partial<WorkloadsArgs> = {}): WorkloadsArgs {
  const tiers = planWorkloads(topology, role);
  return {
    namespace: "samia-tarot",
    site: "secondary",
    role,
    epoch: role === "active" ? 2 : 1,
    writes: "open",
    tiers,
    database: { host: pulumi.output("database.host"), port: 5432, name: "service", password: pulumi.secret("app") },
    cidr: "10.20.0.0/16",
    targetGroupArns: Object.fromEntries(tiers.flatMap((t) => t.services.map((s) => [s.name, pulumi.output(`arn:${s.name}`)]))),
    ...change,
  };
}

const workloads = (role: Role, change?: Partial<WorkloadsArgs>): Promise<Recording> =>
  record(() => new Workloads("workloads", args(role, change)));

const deployment = (recording: Recording, service: string) => {
  const tier = SERVICES.findIndex((services) => services.includes(service));
  return recording.get(DEPLOYMENT, `workloads-tier-${tier}-${service}-deployment`);
};

test("a failover creates and deletes nothing in the cluster", async () => {
  expect((await workloads("active")).list()).toEqual((await workloads("standby")).list());
});

test("a failover changes the pods' environment, their number and the autoscaler's bounds, and nothing else", async () => {
  const [standby, active] = [await workloads("standby"), await workloads("active")];
  const changed = standby.resources.flatMap((before) => {
    const after = active.get(before.type, before.name);
    return differences(before.inputs, after.inputs).map((path) => `${before.type.split(":").pop()} ${path}`);
  });
  expect([...new Set(changed)].sort()).toEqual([
    "ConfigMap data.EPOCH",
    "ConfigMap data.ROLE",
    "Deployment spec.replicas",
    "Deployment spec.template.metadata.annotations.changeover/config-checksum",
    "HorizontalPodAutoscaler spec.maxReplicas",
    "HorizontalPodAutoscaler spec.minReplicas",
  ]);
});

test("pods: as many as the role has of them, and the autoscaler agrees at the start", async () => {
  for (const [role, replicas, bounds] of [
    ["standby", 1, [1, 1]],
    ["active", 3, [3, 12]],
  ] as const) {
    const recording = await workloads(role);
    expect(deployment(recording, "emergency-call").inputs.spec.replicas).toBe(replicas);
    const { spec } = recording.get(
      "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
      "workloads-tier-0-emergency-call-autoscaler",
    ).inputs;
    expect([spec.minReplicas, spec.maxReplicas]).toEqual(bounds);
  }
});

test("the capacity of an active site scales a standby and restarts none of its pods", async () => {
  const [standby, scaled] = [
    await workloads("standby"),
    await workloads("standby", { tiers: planWorkloads(topology, "standby", "active") }),
  ];
  const changed = standby.resources.flatMap((before) =>
    differences(before.inputs, scaled.get(before.type, before.name).inputs).map((path) => `${before.type.split(":").pop()} ${path}`),
  );
  expect([...new Set(changed)].sort()).toEqual([
    "Deployment spec.replicas",
    "HorizontalPodAutoscaler spec.maxReplicas",
    "HorizontalPodAutoscaler spec.minReplicas",
  ]);
  const counts = (role: Role, capacity: "role" | "active") =>
    planWorkloads(topology, role, capacity).flatMap((t) => t.services.map((s) => [s.replicas, s.autoscale]));
  expect(counts("standby", "active")).toEqual(counts("active", "role"));
  for (const role of ["active", "fenced"] as const) expect(counts(role, "active")).toEqual(counts(role, "role"));
});

test("a site that is fenced or dormant runs no pod", () => {
  for (const role of ["fenced", "dormant"] as const) {
    expect(planWorkloads(topology, role).flatMap((t) => t.services.map((s) => s.replicas))).toEqual(SERVICES.flat().map(() => 0));
    // No autoscaler knows a bound of zero.
    expect(Math.min(...planWorkloads(topology, role).flatMap((t) => t.services.map((s) => s.autoscale.min)))).toBe(1);
  }
});

test("each tier's pods wait for the tier above to be ready, and only the pods do", async () => {
  const recording = await workloads("active");
  SERVICES.forEach((services, tier) => {
    for (const service of services) {
      const { dependsOn } = deployment(recording, service);
      const above = (SERVICES[tier - 1] ?? []).map((other) => deployment(recording, other).urn);
      expect(dependsOn.filter((urn) => urn.includes("Deployment::")).sort(), service).toEqual(above.sort());
    }
  });
  const others = recording.resources.filter((r) => r.type !== DEPLOYMENT);
  expect(others.flatMap((r) => r.dependsOn).filter((urn) => urn.includes("Deployment::"))).toEqual([]);
});

test("the password is a secret from the component to the pod", async () => {
  const recording = await workloads("active");
  const secret = recording.get("kubernetes:core/v1:Secret", "workloads-secret");
  expect(secret.inputs.stringData).toEqual({ DATABASE_PASSWORD: "app" });
  expect(secret.secrets).toEqual(["stringData"]);
  const { secrets, inputs } = deployment(recording, "auth");
  expect(secrets).toEqual(["spec.template.metadata.annotations.changeover/secret-checksum"]);
  const [container] = inputs.spec.template.spec.containers;
  expect(container.envFrom).toEqual([{ configMapRef: { name: "service" } }, { secretRef: { name: "service" } }]);
  expect(JSON.stringify(recording.all(DEPLOYMENT).map((r) => r.inputs))).not.toContain('"app"');
});

test("a new database host or a new password rolls the pods", async () => {
  const annotations = async (change: Partial<WorkloadsArgs>) =>
    deployment(await workloads("active", change), "auth").inputs.spec.template.metadata.annotations as Record<string, string>;
  const { database } = args("active");
  const before = await annotations({});
  const host = await annotations({ database: { ...database, host: "other.host" } });
  const password = await annotations({ database: { ...database, password: pulumi.secret("new") } });
  expect(host["changeover/config-checksum"]).not.toBe(before["changeover/config-checksum"]);
  expect(host["changeover/secret-checksum"]).toBe(before["changeover/secret-checksum"]);
  expect(password["changeover/secret-checksum"]).not.toBe(before["changeover/secret-checksum"]);
});

test("what the pods are told", async () => {
  const recording = await workloads("standby", { writes: "paused" });
  expect(recording.get("kubernetes:core/v1:ConfigMap", "workloads-config").inputs.data).toEqual({
    SITE: "secondary",
    ROLE: "standby",
    EPOCH: "1",
    WRITES: "paused",
    DATABASE_HOST: "database.host",
    DATABASE_PORT: "5432",
    DATABASE_NAME: "service",
    DATABASE_USER: "service_app",
    DATABASE_CA: "",
  });
});

test("pods are unprivileged, limited, probed each second, and roll without ever being fewer", async () => {
  for (const { inputs } of (await workloads("active")).all(DEPLOYMENT)) {
    const { strategy, template } = inputs.spec;
    expect(strategy.rollingUpdate).toEqual({ maxSurge: "100%", maxUnavailable: 0 });
    expect(template.spec.securityContext.runAsNonRoot).toBe(true);
    const [container] = template.spec.containers;
    expect(container.image).toMatch(/@sha256:/);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(container.readinessProbe).toMatchObject({ httpGet: { path: "/ready" }, periodSeconds: 1 });
    // A rollout ends no pod before its successor is served, and the load balancer has time to let go of it.
    expect(container.lifecycle).toEqual({ preStop: { sleep: { seconds: 5 } } });
    expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(5);
    expect(container.resources).toEqual({ requests: { cpu: "250m", memory: "256Mi" }, limits: { cpu: "500m", memory: "256Mi" } });
  }
});

test("the load balancer has a say in whether a pod is ready", async () => {
  const { metadata } = (await workloads("active")).get("kubernetes:core/v1:Namespace", "workloads-namespace").inputs;
  expect(metadata.labels).toMatchObject({ "elbv2.k8s.aws/pod-readiness-gate-inject": "enabled" });
});

test("each service is bound to its own target group", async () => {
  const bindings = (await workloads("active")).all("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding");
  expect(bindings.map(({ inputs }) => [inputs.spec.serviceRef, inputs.spec.targetGroupARN])).toEqual(
    SERVICES.flatMap((services) => [...services].sort()).map((service) => [{ name: service, port: 80 }, `arn:${service}`]),
  );
});

test("the namespace is closed but for the service port, the database and DNS", async () => {
  const recording = await workloads("active");
  const closed = recording.get("kubernetes:networking.k8s.io/v1:NetworkPolicy", "workloads-closed").inputs.spec;
  expect(closed).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  const open = recording.get("kubernetes:networking.k8s.io/v1:NetworkPolicy", "workloads-service-ports").inputs.spec;
  const labels = deployment(recording, "auth").inputs.spec.template.metadata.labels;
  expect(labels).toMatchObject(open.podSelector.matchLabels);
  const ports = (rules: { ports: { port: number }[] }[]) => rules.flatMap((rule) => rule.ports.map((p) => p.port));
  expect([ports(open.ingress), ports(open.egress)]).toEqual([[8080], [5432, 53, 53]]);
});

test("every object of the cluster has its own name in the namespace, and hangs on a component", async () => {
  const recording = await workloads("active");
  const objects = recording.resources.filter((r) => r.type.startsWith("kubernetes:") && !r.type.endsWith(":Namespace"));
  expect(objects.length).toBe(5 + 5 * SERVICES.flat().length);
  for (const { inputs, parent } of objects) {
    expect(inputs.metadata.namespace).toBe("samia-tarot");
    expect(inputs.metadata.name).toBeTruthy();
    expect(parent).toContain("changeover:site:");
  }
});

/** Paths at which two values differ. */
function differences(a: unknown, b: unknown, path: string[] = []): string[] {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b) ? [] : [path.join(".")];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => differences((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], [...path, key]));
}
