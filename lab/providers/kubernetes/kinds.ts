/** Where a kind of object lives in the API, and what of it cannot be changed in place. */
export interface ObjectKind {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  /** Top-level fields beside `apiVersion`, `kind` and `metadata`; any other one is refused. */
  fields: string[];
  /** Paths whose change replaces the object, beside its name and namespace. As the official provider has them. */
  replaceOn?: string[];
  /** Fields that replace unless the provider is told that they are mutable. */
  immutableData?: { unless: "enableConfigMapMutable" | "enableSecretMutable"; fields: string[] };
  /** Fields whose values are secret in the outputs. */
  secret?: string[];
}

const RBAC = "rbac.authorization.k8s.io/v1";

const KINDS: ObjectKind[] = [
  { apiVersion: "v1", kind: "Namespace", plural: "namespaces", namespaced: false, fields: ["spec"] },
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    plural: "configmaps",
    namespaced: true,
    fields: ["data", "binaryData", "immutable"],
    immutableData: { unless: "enableConfigMapMutable", fields: ["data", "binaryData"] },
  },
  {
    apiVersion: "v1",
    kind: "Secret",
    plural: "secrets",
    namespaced: true,
    fields: ["type", "data", "stringData", "immutable"],
    replaceOn: ["type"],
    immutableData: { unless: "enableSecretMutable", fields: ["data", "stringData"] },
    secret: ["data", "stringData"],
  },
  {
    apiVersion: "v1",
    kind: "ServiceAccount",
    plural: "serviceaccounts",
    namespaced: true,
    fields: ["automountServiceAccountToken", "imagePullSecrets", "secrets"],
  },
  { apiVersion: "v1", kind: "Service", plural: "services", namespaced: true, fields: ["spec"], replaceOn: ["spec.clusterIP"] },
  { apiVersion: "apps/v1", kind: "Deployment", plural: "deployments", namespaced: true, fields: ["spec"], replaceOn: ["spec.selector"] },
  { apiVersion: "policy/v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets", namespaced: true, fields: ["spec"] },
  { apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", plural: "horizontalpodautoscalers", namespaced: true, fields: ["spec"] },
  { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", plural: "networkpolicies", namespaced: true, fields: ["spec"] },
  { apiVersion: RBAC, kind: "Role", plural: "roles", namespaced: true, fields: ["rules"] },
  {
    apiVersion: RBAC,
    kind: "RoleBinding",
    plural: "rolebindings",
    namespaced: true,
    fields: ["roleRef", "subjects"],
    replaceOn: ["roleRef"],
  },
  { apiVersion: RBAC, kind: "ClusterRole", plural: "clusterroles", namespaced: false, fields: ["rules", "aggregationRule"] },
  {
    apiVersion: RBAC,
    kind: "ClusterRoleBinding",
    plural: "clusterrolebindings",
    namespaced: false,
    fields: ["roleRef", "subjects"],
    replaceOn: ["roleRef"],
  },
  { apiVersion: "elbv2.k8s.aws/v1beta1", kind: "TargetGroupBinding", plural: "targetgroupbindings", namespaced: true, fields: ["spec"] },
];

/** By type token: `kubernetes:apps/v1:Deployment`. The core group is spelled `core/v1` there and `v1` in the API. */
export const KIND_OF_TYPE: ReadonlyMap<string, ObjectKind> = new Map(
  KINDS.map((kind) => [`kubernetes:${kind.apiVersion === "v1" ? "core/v1" : kind.apiVersion}:${kind.kind}`, kind]),
);

/** Path of the objects of a kind. */
export function collectionPath(kind: ObjectKind, namespace: string | undefined): string {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  return kind.namespaced ? `${root}/namespaces/${encodeURIComponent(namespace ?? "default")}/${kind.plural}` : `${root}/${kind.plural}`;
}
