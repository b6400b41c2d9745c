import { DeleteObjectCommand, GetObjectCommand, NoSuchKey, S3Client } from "@aws-sdk/client-s3";
import { TAKEOVER_KEY } from "../topology/names";
import type { Epoch } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import { GUARD_AGENT } from "./agent";
import type { Switch } from "./decide";
import type { OtherSite, Settings } from "./settings";

const TIMEOUT_MS = 2_000;

/** The other sites' takeover switches, each read in its own region. */
export class Switches {
  private readonly clients: { other: OtherSite; client: S3Client }[];

  /** @param timeoutMs for each switch */
  constructor(
    others: readonly OtherSite[],
    private readonly timeoutMs = TIMEOUT_MS,
  ) {
    this.clients = others.map((other) => ({ other, client: connect(other.region, timeoutMs) }));
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
      return { state: "unreadable", reason: abortSignal.aborted ? late(this.timeoutMs) : reasonOf(error) };
    }
  }
}

/** The site's own takeover switch. */
export class OwnSwitch {
  private readonly client: S3Client;

  /** @param timeoutMs for the look and the deed together */
  constructor(
    private readonly where: Settings["ownSwitch"],
    private readonly timeoutMs = TIMEOUT_MS,
  ) {
    this.client = connect(where.region, timeoutMs);
  }

  /**
   * Turns it off, unless it is of a later epoch: that one is about a site that has become active since. What somebody
   * writes between the look and the deed stays.
   * @returns what became of it, in words
   * @throws where it could not be read or deleted, or has changed meanwhile
   */
  async turnOff(upTo: Epoch): Promise<string> {
    const object = { Bucket: this.where.bucket, Key: TAKEOVER_KEY };
    const abortSignal = AbortSignal.timeout(this.timeoutMs);
    try {
      const { Body, ETag } = await this.client.send(new GetObjectCommand(object), { abortSignal });
      const seen = parseSwitch((await Body?.transformToString()) ?? "");
      if (seen.state !== "on") throw new Error("it names no site and epoch");
      if (seen.epoch > upTo) return `on in epoch ${seen.epoch}, and stays so: what took over came after ${upTo}`;
      if (ETag === undefined) throw new Error("S3 names no version of it");
      await this.client.send(new DeleteObjectCommand({ ...object, IfMatch: ETag }), { abortSignal });
      return "off";
    } catch (error) {
      // Off before, or by the other guard just now.
      if ((error as Error).name === "NoSuchKey") return "off";
      throw new Error(abortSignal.aborted ? late(this.timeoutMs) : reasonOf(error), { cause: error });
    }
  }
}

function connect(region: string, timeoutMs: number): S3Client {
  return new S3Client({
    region,
    customUserAgent: GUARD_AGENT,
    // The next look is the next attempt.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: timeoutMs, requestTimeout: timeoutMs },
  });
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

const late = (timeoutMs: number): string => `no answer within ${timeoutMs} ms`;

function reasonOf(error: unknown): string {
  const { name, message, code } = error as Error & { code?: string };
  return code ?? (name === "Error" ? message : name);
}
