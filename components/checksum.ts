import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";

/**
 * Digest of a config map's or a secret's content, for an annotation that rolls the pods when it changes. Stays a secret where what
 * it is made of is one: a digest of a short password can be guessed back.
 */
export function checksum(data: Record<string, pulumi.Input<string>>): pulumi.Output<string> {
  return pulumi.output(data).apply((known) => createHash("sha256").update(JSON.stringify(known)).digest("hex"));
}
