import { existsSync, readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";

/** What it takes to talk to one cluster. Certificates and keys are PEM text. */
export interface Cluster {
  /** `https://host:port`, without a slash at the end. */
  server: string;
  ca?: string;
  cert?: string;
  key?: string;
  token?: string;
  /** Name that the server's certificate is checked against, where it is not the host. */
  serverName?: string;
  insecure?: boolean;
}

interface Named {
  name?: string;
}

interface Kubeconfig {
  "current-context"?: string;
  clusters?: (Named & { cluster?: Record<string, string | boolean | undefined> })[];
  users?: (Named & { user?: Record<string, unknown> })[];
  contexts?: (Named & { context?: { cluster?: string; user?: string } })[];
}

/**
 * The cluster of a kubeconfig's context.
 * @param text kubeconfig as YAML or JSON, or a path to one
 * @param context default: the kubeconfig's current one
 * @throws when it names what is not in it, or a way to log in other than a client certificate or a token
 */
export function clusterOf(text: string, context?: string): Cluster {
  const config = parse(text);
  const contextName = context ?? config["current-context"];
  const chosen = config.contexts?.find(({ name }) => name === contextName)?.context;
  if (chosen === undefined) throw new Error(`kubeconfig has no context ${contextName ?? "(and no current-context)"}`);
  const cluster = config.clusters?.find(({ name }) => name === chosen.cluster)?.cluster;
  if (typeof cluster?.server !== "string") throw new Error(`kubeconfig has no server for cluster ${chosen.cluster ?? "(unnamed)"}`);
  const user = config.users?.find(({ name }) => name === chosen.user)?.user ?? {};
  for (const unsupported of ["exec", "auth-provider", "username"]) {
    if (user[unsupported] !== undefined) {
      throw new Error(
        `user ${chosen.user ?? ""} of the kubeconfig logs in by ${unsupported}; the lab's stand-in takes client certificates and tokens`,
      );
    }
  }
  const serverName = cluster["tls-server-name"];
  const token = content(user, "token", "tokenFile", "utf8");
  const found: Cluster = { server: cluster.server.replace(/\/+$/, ""), insecure: cluster["insecure-skip-tls-verify"] === true };
  const ca = content(cluster, "certificate-authority-data", "certificate-authority", "base64");
  const cert = content(user, "client-certificate-data", "client-certificate", "base64");
  const key = content(user, "client-key-data", "client-key", "base64");
  if (ca !== undefined) found.ca = ca;
  if (cert !== undefined) found.cert = cert;
  if (key !== undefined) found.key = key;
  if (token !== undefined) found.token = token.trim();
  if (typeof serverName === "string") found.serverName = serverName;
  return found;
}

function parse(text: string): Kubeconfig {
  const body = !text.includes("\n") && !text.trimStart().startsWith("{") && existsSync(text) ? readFileSync(text, "utf8") : text;
  const parsed: unknown = parseYaml(body);
  if (typeof parsed !== "object" || parsed === null) throw new Error("kubeconfig is neither YAML, nor JSON, nor a path to a file");
  return parsed;
}

function content(from: Record<string, unknown>, inline: string, file: string, encoding: "utf8" | "base64"): string | undefined {
  const value = from[inline];
  if (typeof value === "string" && value !== "") return Buffer.from(value, encoding).toString("utf8");
  const path = from[file];
  return typeof path === "string" && path !== "" ? readFileSync(path, "utf8") : undefined;
}
