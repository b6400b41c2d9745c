/** The part of any Kubernetes object that the stand-in looks at. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  /** Of ConfigMap and Secret. */
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  immutable?: boolean;
  /** Of a list. */
  items?: KubernetesObject[];
  [field: string]: unknown;
}

export interface Metadata {
  name: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  managedFields?: { manager?: string; subresource?: string }[];
}

export interface Condition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

/** `Deployment shop/payments`. */
export function titleOf({ kind, metadata }: Pick<KubernetesObject, "kind" | "metadata">): string {
  return `${kind} ${idOf(metadata)}`;
}

/** `namespace/name`, or the name alone for what is in no namespace: the official provider's resource ids. */
export function idOf({ namespace, name }: Metadata): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Annotations that steer the provider; the official one knows a few more. */
export const ANNOTATIONS = {
  autonamed: "pulumi.com/autonamed",
  skipAwait: "pulumi.com/skipAwait",
  patchForce: "pulumi.com/patchForce",
  patchFieldManager: "pulumi.com/patchFieldManager",
} as const;

export function annotation(metadata: Metadata | undefined, name: (typeof ANNOTATIONS)[keyof typeof ANNOTATIONS]): string | undefined {
  return metadata?.annotations?.[name];
}
