/**
 * Settings of an AWS client: a call that hangs becomes an error. Credentials and endpoint come from the environment.
 * @param attempts at one call @param connectMs for each connection, in milliseconds @param callMs for each attempt. @default `connectMs`
 */
export function callsIn(region: string, attempts: number, connectMs: number, callMs = connectMs) {
  return {
    region,
    maxAttempts: attempts,
    requestHandler: { connectionTimeout: connectMs, requestTimeout: callMs, throwOnRequestTimeout: true },
  };
}
