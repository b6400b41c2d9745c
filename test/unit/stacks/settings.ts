import type { RecordOptions } from "../components/recorder";

const SECRETS = { databasePassword: "master-password", appPassword: "app-password", kubeconfig: "kubeconfig-text" };
const CERTIFICATE = "arn:aws:acm:eu-north-1:123456789012:certificate/0";

/** Config of a site's stack that holds together; a test changes what it is about. A key set to undefined is left out. */
export function settings(stack: string, change: Record<string, string | undefined> = {}): RecordOptions {
  const config = { activeSite: "primary", epoch: "1", certificateArn: CERTIFICATE, ...SECRETS, ...change };
  return {
    stack,
    config: Object.fromEntries(
      Object.entries<string | undefined>(config).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    secretKeys: Object.keys(SECRETS),
  };
}

export const SECRET_VALUES = Object.values(SECRETS);
