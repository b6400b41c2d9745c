import { NoSuchKey, S3Client, GetObjectCommand } from "@aws-sdk/client-s3";
import { TAKEOVER_KEY } from "../topology/names";
import type { SiteName } from "../topology/schema";
import { GUARD_AGENT } from "./agent";
import type { Switch } from "./decide";
import type { OtherSite } from "./settings";

/** The other sites' takeover switches, each read in its own region. */
export class Switches {
  private readonly clients: { other: OtherSite; client: S3Client }[];

  /** @param timeoutMs for each switch */
  constructor(
    others: readonly OtherSite[],
    private readonly timeoutMs = 2_000,
  ) {
    this.clients = others.map((other) => ({
      other,
      client: new S3Client({
        region: other.region,
        customUserAgent: GUARD_AGENT,
        // The next look is the next attempt.
        maxAttempts: 1,
        requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs },
      }),
    }));
  }

  /** All at once. Never rejects: what goes wrong makes a switch unreadable. */
  async read(): Promise<Record<SiteName, Switch>> {
    const seen = this.clients.map(async ({ other, client }) => [other.site, await this.readOne(client, other.bucket)] as const);
    return Object.fromEntries(await Promise.all(seen));
  }

  private async readOne(client: S3Client, bucket: string): Promise<Switch> {
    const abortSignal = AbortSignal.timeout(this.timeoutMs);
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: TAKEOVER_KEY }), { abortSignal });
      return parseSwitch((await Body?.transformToString()) ?? "");
    } catch (error) {
      // Only whoever may list the bucket is told this; to anybody else a missing key looks forbidden.
      if (error instanceof NoSuchKey) return { state: "off" };
      return { state: "unreadable", reason: abortSignal.aborted ? `no answer within ${this.timeoutMs} ms` : reasonOf(error) };
    }
  }
}

/** What a switch says; one that nobody can understand is as good as one that nobody could read. */
export function parseSwitch(text: string): Switch {
  try {
    const { activeSite, epoch } = JSON.parse(text) as Record<string, unknown>;
    if (typeof activeSite === "string" && activeSite !== "" && typeof epoch === "number" && Number.isSafeInteger(epoch) && epoch > 0) {
      return { state: "on", activeSite, epoch };
    }
  } catch {
    // No JSON.
  }
  return { state: "unreadable", reason: "it names no site and epoch" };
}

function reasonOf(error: unknown): string {
  const { name, message, code } = error as Error & { code?: string };
  return code ?? (name === "Error" ? message : name);
}
