import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { Guard, type GuardArgs } from "../../../components/guard";
import { GuardRole } from "../../../components/guard-role";
import { readSettings } from "../../../guard/settings";
import type { Role } from "../../../topology/roles";
import { names, record, topology, type Recording } from "./recorder";

const DEPLOYMENT = "kubernetes:apps/v1:Deployment";

const base: GuardArgs = {
  namespace: "samia-tarot",
  partOf: "samia-tarot",
  site: "primary",
  role: "active",
  epoch: 1,
  image: topology.guard.image,
  intervalMs: topology.guard.interval,
  leaseMs: topology.guard.lease,
  database: { host: pulumi.output("database.host"), port: 5432, name: "service", password: pulumi.secret("master") },
  ownSwitch: { region: "eu-north-1", bucket: "own-switch-bucket" },
  others: [{ site: "secondary", region: "eu-west-1", bucket: "switch-bucket" }],
  cidr: "10.10.0.0/16",
};
const guard = (change: Partial<GuardArgs> = {}): Promise<Recording> => record(() => new Guard("guard", { ...base, ...change }));
const container = (recording: Recording) => recording.get(DEPLOYMENT, "guard-deployment").inputs.spec.template.spec.containers[0];

test("what the pods are told is what a guard reads", async () => {
  const recording = await guard({ confirmedUntil: "2026-01-31T12:00:00Z", database: { ...base.database, ca: "PEM" } });
  const { data } = recording.get("kubernetes:core/v1:ConfigMap", "guard-config").inputs;
  const secret = recording.get("kubernetes:core/v1:Secret", "guard-secret");
  expect(readSettings({ ...data, ...secret.inputs.stringData })).toMatchObject({
    site: "primary",
    role: "active",
    epoch: 1,
    database: { host: "database.host", port: 5432, name: "service", user: "changeover", password: "master", ca: "PEM" },
    appRole: "service_app",
    ownSwitch: base.ownSwitch,
    others: base.others,
    intervalMs: 2_000,
    leaseMs: 10_000,
    confirmedUntil: Date.parse("2026-01-31T12:00:00Z"),
  });
  expect(secret.secrets).toEqual(["stringData"]);
  expect(container(recording).envFrom).toEqual([{ configMapRef: { name: "guard" } }, { secretRef: { name: "guard" } }]);
});

test("two pods in every role, and nothing but what they are told differs", async () => {
  const active = await guard();
  for (const role of ["standby", "fenced"] satisfies Role[]) {
    const other = await guard({ role, epoch: 2 });
    expect(other.list()).toEqual(active.list());
    const { spec } = other.get(DEPLOYMENT, "guard-deployment").inputs;
    expect(spec.replicas).toBe(2);
    expect(container(other)).toEqual(container(active));
    expect(spec.template.metadata.annotations["changeover/config-checksum"]).not.toBe(
      active.get(DEPLOYMENT, "guard-deployment").inputs.spec.template.metadata.annotations["changeover/config-checksum"],
    );
  }
});

test("no update waits for it: at a fenced site it is unready for good", async () => {
  const { inputs, dependsOn } = (await guard()).get(DEPLOYMENT, "guard-deployment");
  expect(inputs.metadata.annotations).toMatchObject({ "pulumi.com/skipAwait": "true" });
  expect(inputs.metadata.labels).not.toHaveProperty("changeover/tier");
  expect(dependsOn.filter((urn) => urn.includes("Deployment::"))).toEqual([]);
});

test("its pods are unprivileged, pinned, probed each second, and none of the services'", async () => {
  const recording = await guard();
  const { template } = recording.get(DEPLOYMENT, "guard-deployment").inputs.spec;
  expect(template.metadata.labels).toEqual({ "app.kubernetes.io/name": "guard" });
  expect(template.spec).toMatchObject({ serviceAccountName: "guard", securityContext: { runAsNonRoot: true } });
  expect(container(recording)).toMatchObject({
    image: expect.stringMatching(/@sha256:/),
    readinessProbe: { httpGet: { path: "/ready" }, periodSeconds: 1, failureThreshold: 1 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
  });
});

test("nobody calls it, and it calls AWS, its database and DNS", async () => {
  const { spec } = (await guard()).get("kubernetes:networking.k8s.io/v1:NetworkPolicy", "guard-ports").inputs;
  expect(spec.podSelector.matchLabels).toEqual({ "app.kubernetes.io/name": "guard" });
  expect(spec.policyTypes).toEqual(["Ingress", "Egress"]);
  expect(spec).not.toHaveProperty("ingress");
  expect(spec.egress.map((rule: any) => [rule.to?.map((to: any) => to.ipBlock.cidr), rule.ports.map((p: any) => p.port)])).toEqual([
    [undefined, [443]],
    [["169.254.170.23/32", "fd00:ec2::23/128"], [80]],
    [["10.10.0.0/16"], [5432]],
    [undefined, [53, 53]],
  ]);
});

test("its role sees every switch, and whether it is off, turns its own off, and nothing else", async () => {
  const others = [names.site("secondary"), names.site("cold")];
  const recording = await record(() => new GuardRole("guard", { names: names.site("primary"), others }));
  const role = recording.get("aws:iam/role:Role", "guard-role").inputs;
  expect(role.name).toBe("samia-tarot-production-primary-guard");
  expect(names.site("primary").guardRoleArn).toBe("arn:aws:iam::123456789012:role/samia-tarot-production-primary-guard");
  expect(JSON.parse(role.assumeRolePolicy).Statement).toEqual([
    {
      Sid: "PodIdentity",
      Effect: "Allow",
      Principal: { Service: "pods.eks.amazonaws.com" },
      Action: ["sts:AssumeRole", "sts:TagSession"],
    },
  ]);
  const { Statement } = JSON.parse(recording.get("aws:iam/rolePolicy:RolePolicy", "guard-policy").inputs.policy);
  const [own = "", ...rest] = [names.site("primary"), ...others].map(({ switchBucket }) => `arn:aws:s3:::${switchBucket}`);
  const buckets = [own, ...rest];
  expect(Statement.map((s: any) => [s.Action, s.Resource])).toEqual([
    ["s3:GetObject", buckets.map((bucket) => `${bucket}/takeover`)],
    ["s3:ListBucket", buckets],
    ["s3:DeleteObject", `${own}/takeover`],
  ]);
});
