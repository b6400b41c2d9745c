import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Certificate } from "../certificates";
import type { LabContext } from "../part";
import type { LabProcess } from "../processes";
import { url } from "../world";
import type { KubernetesApi } from "./api";

/**
 * API groups that the workloads, their controllers and the official clients use. Leaving out the others keeps start,
 * memory and the OpenAPI document that every client downloads small.
 */
const API_GROUPS = [
  "v1",
  "admissionregistration.k8s.io/v1",
  "apiextensions.k8s.io/v1",
  "apiregistration.k8s.io/v1",
  "apps/v1",
  "authentication.k8s.io/v1",
  "authorization.k8s.io/v1",
  "autoscaling/v1",
  "autoscaling/v2",
  "batch/v1",
  "coordination.k8s.io/v1",
  "discovery.k8s.io/v1",
  "events.k8s.io/v1",
  "networking.k8s.io/v1",
  "policy/v1",
  "rbac.authorization.k8s.io/v1",
  "scheduling.k8s.io/v1",
];

/** Admission of things that the lab does not play: service account tokens in pods, storage, webhooks, device claims. */
const NO_ADMISSION = [
  "CertificateApproval",
  "CertificateSigning",
  "CertificateSubjectRestriction",
  "ClusterTrustBundleAttest",
  "DefaultIngressClass",
  "DefaultStorageClass",
  "MutatingAdmissionPolicy",
  "MutatingAdmissionWebhook",
  "NodeDeclaredFeatureValidator",
  "PersistentVolumeClaimResize",
  "PodGroupProtection",
  "PodTopologyLabels",
  "ResourceQuota",
  "RuntimeClass",
  "ServiceAccount",
  "StorageObjectInUseProtection",
  "TaintNodesByCondition",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionWebhook",
];

/**
 * What makes a Deployment into pods and takes things away again. The pod runner plays scheduler and kubelet, and
 * endpoint-slices.ts says why that controller is not here.
 */
const CONTROLLERS = [
  "deployment-controller",
  "replicaset-controller",
  "job-controller",
  "namespace-controller",
  "garbage-collector-controller",
  "disruption-controller",
  "serviceaccount-controller",
];

const STOP_MS = 3_000;

/** etcd, API server and controller manager of one region, as child processes that keep their state on disk. */
export class ControlPlane {
  private etcd: LabProcess | undefined;
  private apiserver: LabProcess | undefined;
  private manager: LabProcess | undefined;

  constructor(
    private readonly lab: LabContext,
    private readonly region: string,
    private readonly api: KubernetesApi,
    /** A user in `system:masters`. */
    private readonly admin: Certificate,
  ) {}

  private get folder(): string {
    return join(this.lab.folder, "kubernetes", this.region);
  }

  /** Resolves when the API server says that it is ready; the controllers may still be a second away. */
  async start(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    const server = await this.serverCertificate();
    this.etcd = this.spawn("etcd", this.etcdArguments(), { GOMAXPROCS: "1", GOGC: "50", GOMEMLIMIT: "96MiB" });
    this.apiserver = this.spawn("kube-apiserver", this.apiserverArguments(server), { GOGC: "60", GOMEMLIMIT: "320MiB" });
    await this.apiReady(this.apiserver);
    this.manager = this.spawn("kube-controller-manager", this.managerArguments(), { GOMAXPROCS: "1", GOGC: "60", GOMEMLIMIT: "96MiB" });
  }

  /** In this order: an API server whose etcd is gone ignores SIGTERM. */
  async stop(): Promise<void> {
    await this.manager?.end(STOP_MS);
    await this.apiserver?.end(STOP_MS);
    await this.etcd?.end(STOP_MS);
  }

  /** To all three at once. Resolves when they have ended, where the signal is SIGKILL. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const all = [this.manager, this.apiserver, this.etcd].filter((p) => p !== undefined);
    for (const process of all) process.signal(signal);
    if (signal === "SIGKILL") await Promise.all(all.map((p) => p.ended));
  }

  private spawn(tool: string, args: string[], env: Record<string, string>): LabProcess {
    return this.lab.processes.spawn({
      name: `${this.region}-${tool}`,
      region: this.region,
      command: this.lab.tool(tool),
      args,
      env,
      cwd: this.folder,
    });
  }

  private async apiReady(process: LabProcess): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      if (this.lab.processes.get(process.spec.name) !== process)
        throw new Error(`kube-apiserver of ${this.region} ended at its start; see logs/${process.spec.name}.log`);
      const answer = await this.api.get<string>("/readyz", AbortSignal.timeout(1_000)).catch(() => undefined);
      if (answer === "ok") return;
      await sleep(50);
    }
    throw new Error(`kube-apiserver of ${this.region} is not ready after a minute; see logs/${process.spec.name}.log`);
  }

  private serverCertificate(): Promise<Certificate> {
    return this.lab.certificates.issue(`kubernetes-${this.region}`, {
      commonName: "kube-apiserver",
      dnsNames: ["kubernetes", "kubernetes.default", "kubernetes.default.svc"],
      addresses: [this.lab.world.region(this.region).kubernetes.host],
    });
  }

  private etcdArguments(): string[] {
    const { etcd } = this.lab.world.region(this.region);
    const peer = url({ host: etcd.host, port: etcd.port + 1 });
    return [
      "--name=lab",
      `--data-dir=${join(this.folder, "etcd")}`,
      `--listen-client-urls=${url(etcd)}`,
      `--advertise-client-urls=${url(etcd)}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=lab=${peer}`,
      // One member: it elects itself as soon as it may.
      "--heartbeat-interval=50",
      "--election-timeout=500",
      "--unsafe-no-fsync",
      "--max-wals=1",
      "--max-snapshots=1",
      "--log-level=warn",
    ];
  }

  private apiserverArguments(server: Certificate): string[] {
    const { kubernetes, etcd } = this.lab.world.region(this.region);
    const { publicFile, privateFile } = this.serviceAccountKey();
    return [
      `--etcd-servers=${url(etcd)}`,
      `--bind-address=${kubernetes.host}`,
      `--secure-port=${kubernetes.port}`,
      `--tls-cert-file=${server.certFile}`,
      `--tls-private-key-file=${server.keyFile}`,
      "--tls-min-version=VersionTLS13",
      `--client-ca-file=${this.lab.certificates.caFile}`,
      "--anonymous-auth=false",
      "--authorization-mode=RBAC",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${publicFile}`,
      `--service-account-signing-key-file=${privateFile}`,
      // Cluster addresses are never routed here; a range for each region only keeps them apart for readers.
      `--service-cluster-ip-range=10.${100 + Number(kubernetes.host.split(".")[1])}.0.0/16`,
      // The API server may not publish a loopback address as an endpoint of its own service.
      "--endpoint-reconciler-type=none",
      `--runtime-config=api/all=false,${API_GROUPS.map((group) => `${group === "v1" ? "api/v1" : group}=true`).join(",")}`,
      `--disable-admission-plugins=${NO_ADMISSION.join(",")}`,
      "--enable-priority-and-fairness=false",
      "--profiling=false",
      "--etcd-compaction-interval=10m",
      "--etcd-count-metric-poll-period=0",
      "--etcd-db-metric-poll-interval=0",
      "--event-ttl=30m",
    ];
  }

  private managerArguments(): string[] {
    const kubeconfig = join(this.folder, "controller-manager.kubeconfig");
    const { kubernetes } = this.lab.world.region(this.region);
    writeFileSync(
      kubeconfig,
      kubeconfigText({ server: url(kubernetes, "https"), ca: this.lab.certificates.caCert, cert: this.admin.cert, key: this.admin.key }),
      { mode: 0o600 },
    );
    return [
      `--kubeconfig=${kubeconfig}`,
      `--controllers=${CONTROLLERS.join(",")}`,
      "--leader-elect=false",
      "--secure-port=0",
      "--profiling=false",
      "--kube-api-qps=200",
      "--kube-api-burst=400",
      "--concurrent-gc-syncs=4",
      "--v=1",
    ];
  }

  private serviceAccountKey(): { publicFile: string; privateFile: string } {
    const publicFile = join(this.folder, "service-account.pub");
    const privateFile = join(this.folder, "service-account.key");
    if (!existsSync(publicFile)) {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      writeFileSync(privateFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
      writeFileSync(publicFile, publicKey.export({ type: "spki", format: "pem" }));
    }
    return { publicFile, privateFile };
  }
}

/** A kubeconfig with everything inside. JSON, which every reader of YAML takes. PEM texts in. */
export function kubeconfigText(of: { server: string; ca: string; cert: string; key: string }): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "lab",
      clusters: [{ name: "lab", cluster: { server: of.server, "certificate-authority-data": base64(of.ca) } }],
      users: [{ name: "admin", user: { "client-certificate-data": base64(of.cert), "client-key-data": base64(of.key) } }],
      contexts: [{ name: "lab", context: { cluster: "lab", user: "admin" } }],
    },
    undefined,
    2,
  );
}
