import type { V1Container, V1EnvVar, V1Pod } from "@kubernetes/client-node";

/** Data of config maps and secrets of the pod's namespace, decoded; `undefined` where there is none of that name. */
export interface Sources {
  configMap(name: string): Promise<Record<string, string> | undefined>;
  secret(name: string): Promise<Record<string, string> | undefined>;
}

/** To a config map or secret, or to one key of it. */
interface Reference {
  name?: string;
  key?: string;
  optional?: boolean;
}

/** What the pod's own fields are before its status says so. */
export interface Placement {
  podIP: string;
  hostIP: string;
  nodeName: string;
}

/** A container cannot be made as it is written; the kubelet calls that `CreateContainerConfigError`. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * A container's environment: `envFrom` first, `env` over it, `$(NAME)` in values replaced by what stands before.
 * @throws ConfigError where something that is not optional is missing, or where the lab does not play it
 */
export async function resolveEnvironment(
  container: V1Container,
  pod: V1Pod,
  placement: Placement,
  sources: Sources,
): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const ref: Reference = configMapRef ?? secretRef ?? {};
    const { name = "", optional = false } = ref;
    const kind = configMapRef === undefined ? "secret" : "configmap";
    const data = await read(kind, name, sources);
    if (data === undefined) {
      if (optional) continue;
      throw new ConfigError(`${kind} "${name}" not found`);
    }
    for (const [key, value] of Object.entries(data)) env[prefix + key] = value;
  }
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, env, pod, placement, sources);
    if (value !== undefined) env[variable.name] = value;
  }
  return env;
}

async function valueOf(
  variable: V1EnvVar,
  env: Record<string, string>,
  pod: V1Pod,
  placement: Placement,
  sources: Sources,
): Promise<string | undefined> {
  const from = variable.valueFrom;
  if (from === undefined) return expand(variable.value ?? "", env);
  if (from.fieldRef !== undefined) return fieldOf(from.fieldRef.fieldPath, pod, placement);
  const { configMapKeyRef, secretKeyRef } = from;
  if (configMapKeyRef === undefined && secretKeyRef === undefined) {
    throw new ConfigError(`variable ${variable.name}: the lab plays fieldRef, configMapKeyRef and secretKeyRef only`);
  }
  const ref: Reference = configMapKeyRef ?? secretKeyRef ?? {};
  const { name = "", key = "", optional = false } = ref;
  const kind = configMapKeyRef === undefined ? "secret" : "configmap";
  const data = await read(kind, name, sources);
  const value = data?.[key];
  if (value === undefined && !optional) {
    throw new ConfigError(data === undefined ? `${kind} "${name}" not found` : `couldn't find key ${key} in ${kind} ${name}`);
  }
  return value;
}

function read(kind: "configmap" | "secret", name: string, sources: Sources): Promise<Record<string, string> | undefined> {
  return kind === "configmap" ? sources.configMap(name) : sources.secret(name);
}

/** Replaces `$(NAME)`; `$$(NAME)` stays as `$(NAME)`, an unknown name as it is. */
export function expand(text: string, env: Record<string, string>): string {
  return text.replace(/\$(\$)?\(([A-Za-z_][\w.-]*)\)/g, (whole, escaped: string | undefined, name: string) =>
    escaped === undefined ? (env[name] ?? whole) : whole.slice(1),
  );
}

function fieldOf(path: string, pod: V1Pod, { podIP, hostIP, nodeName }: Placement): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) return metadata?.[keyed[1] as "labels" | "annotations"]?.[keyed[2] ?? ""] ?? "";
  const fields: Record<string, string | undefined> = {
    "metadata.name": metadata?.name,
    "metadata.namespace": metadata?.namespace,
    "metadata.uid": metadata?.uid,
    "spec.nodeName": nodeName,
    "spec.serviceAccountName": spec?.serviceAccountName ?? "default",
    "status.podIP": podIP,
    "status.podIPs": podIP,
    "status.hostIP": hostIP,
  };
  const value = fields[path];
  if (value === undefined) throw new ConfigError(`the lab does not play the field ${path}`);
  return value;
}

/** What in a pod the lab cannot play, in words; `undefined` where it can run it. */
export function notPlayed(pod: V1Pod): string | undefined {
  const { initContainers = [], containers = [], volumes = [] } = pod.spec ?? {};
  if (initContainers.length > 0) return "the lab does not play init containers";
  for (const { name, livenessProbe, readinessProbe, startupProbe, volumeMounts = [] } of containers) {
    for (const probe of [livenessProbe, readinessProbe, startupProbe]) {
      if (probe?.exec !== undefined || probe?.grpc !== undefined)
        return `container ${name}: the lab plays httpGet and tcpSocket probes only`;
    }
    for (const mount of volumeMounts) {
      if (volumes.find((volume) => volume.name === mount.name)?.emptyDir === undefined) {
        return `container ${name}: the lab mounts no volumes, and ${mount.name} is more than an emptyDir`;
      }
    }
  }
  return undefined;
}
