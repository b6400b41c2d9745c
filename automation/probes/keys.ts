import { callsIn } from "./calls";

/** Attempts at one call of KMS, and how long each may take. */
const ATTEMPTS = 3;
const CALL_MS = 5_000;

/**
 * What KMS in a region calls a key's state: `Enabled` is the only one in which it decrypts.
 * @param arn of any region; one of another region cannot be used in this one
 * @returns in words where there is no such state
 */
export async function keyState(region: string, arn: string): Promise<string> {
  const [, home = region] = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):/.exec(arn) ?? [];
  if (home !== region) return `a key of ${home}, which is lost with that region`;
  const { DescribeKeyCommand, KMSClient, NotFoundException } = await import("@aws-sdk/client-kms");
  const kms = new KMSClient(callsIn(region, ATTEMPTS, CALL_MS));
  try {
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: arn }));
    return KeyMetadata?.KeyState ?? "unknown";
  } catch (error) {
    if (error instanceof NotFoundException) return "gone";
    throw error;
  } finally {
    kms.destroy();
  }
}
