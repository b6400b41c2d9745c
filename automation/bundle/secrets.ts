/** Shorter ones would be found by chance, and open nothing. */
const SHORTEST = 8;

/**
 * The forms in which a secret could stand in a file: as it is, as JSON or YAML quote it, as Kubernetes encodes it. Of a
 * kubeconfig, which is secret as a whole and mostly public in its lines, also what lets somebody in.
 */
export function formsOf(secret: string): string[] {
  const inner = [...secret.matchAll(/^\s*-?\s*(?:client-key-data|token|password):\s*(\S+)\s*$/gm)].map(([, value = ""]) => value);
  return [secret, ...inner]
    .filter((value) => value.trim().length >= SHORTEST)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), Buffer.from(value).toString("base64")]);
}

/** Whether a text has any of the secrets in it. */
export function betrays(text: string, secrets: readonly string[]): boolean {
  return secrets.some((secret) => formsOf(secret).some((form) => text.includes(form)));
}

/** Paths below the given folders that a text names, each once. */
export function pathsIn(text: string, folders: readonly string[]): string[] {
  const found = folders.flatMap((folder) => {
    const quoted = folder.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return [...text.matchAll(new RegExp(`${quoted}(?:/[\\w.@+-]+)*`, "g"))].map(([path]) => path);
  });
  return [...new Set(found)].sort();
}
