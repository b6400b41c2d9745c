import * as proxy from "@pulumi/policy/proxy";

/** What reading a value throws that a preview does not know; with this error alone a policy can say so. The package's types leave it out. */
export const { UnknownValueError, unknownStringValue, unknownCheckingProxy } = proxy as unknown as {
  UnknownValueError: new (sentinel: string, path: string[]) => Error & { props: string[] };
  unknownStringValue: string;
  unknownCheckingProxy: <T>(value: T) => T;
};
