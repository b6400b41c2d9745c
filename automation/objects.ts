import { createHash } from "node:crypto";
import type { S3Client } from "@aws-sdk/client-s3";
import { callsIn } from "./probes/calls";

/** One attempt and one more: what waits longer than that is treated as gone. */
const ATTEMPTS = 2;
/** Of an attempt, in milliseconds. */
const TIMEOUT_MS = 2_000;

/** Objects of one region's buckets: S3's data plane. Credentials and endpoint come from the environment, as for any AWS tool. */
export class Objects {
  private client: Promise<S3Client> | undefined;

  /** @param timeoutMs how long an attempt may take, in milliseconds. @default 2000 */
  constructor(
    readonly region: string,
    private readonly timeoutMs = TIMEOUT_MS,
  ) {}

  /** @returns AWS's id of the request @throws where S3 does not take it in time */
  async put(bucket: string, key: string, body: string, contentType = "application/json"): Promise<string | undefined> {
    const { PutObjectCommand } = await import("@aws-sdk/client-s3");
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: contentType, CacheControl: "no-store" });
    return this.attempt(
      `put ${bucket}/${key}`,
      async (client, abortSignal) => (await client.send(command, { abortSignal })).$metadata.requestId,
    );
  }

  /** Deleting what is not there is no error. @returns AWS's id of the request */
  async remove(bucket: string, key: string): Promise<string | undefined> {
    const { DeleteObjectCommand } = await import("@aws-sdk/client-s3");
    const command = new DeleteObjectCommand({ Bucket: bucket, Key: key });
    return this.attempt(
      `delete ${bucket}/${key}`,
      async (client, abortSignal) => (await client.send(command, { abortSignal })).$metadata.requestId,
    );
  }

  /** The object's text; `undefined` where there is none. */
  async get(bucket: string, key: string): Promise<string | undefined> {
    const { GetObjectCommand, NoSuchKey } = await import("@aws-sdk/client-s3");
    const command = new GetObjectCommand({ Bucket: bucket, Key: key });
    return this.attempt(`get ${bucket}/${key}`, async (client, abortSignal) => {
      try {
        const { Body } = await client.send(command, { abortSignal });
        return await Body?.transformToString();
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    });
  }

  /** SHA-256 of an object's content, in hex; it is read through and never kept whole. */
  async digest(bucket: string, key: string): Promise<string> {
    const { GetObjectCommand } = await import("@aws-sdk/client-s3");
    const command = new GetObjectCommand({ Bucket: bucket, Key: key });
    return this.attempt(`read ${bucket}/${key}`, async (client, abortSignal) => {
      const { Body } = await client.send(command, { abortSignal });
      const hash = createHash("sha256");
      for await (const chunk of (Body ?? []) as AsyncIterable<Uint8Array>) hash.update(chunk);
      return hash.digest("hex");
    });
  }

  /** Keys that begin so, in order, all pages. */
  async list(bucket: string, prefix: string): Promise<string[]> {
    const { paginateListObjectsV2 } = await import("@aws-sdk/client-s3");
    return this.attempt(`list ${bucket}/${prefix}`, async (client) => {
      const keys: string[] = [];
      for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
      }
      return keys;
    });
  }

  /** Loads the SDK and nothing else, so that the first call need not. */
  async warmUp(): Promise<void> {
    await this.connect();
  }

  close(): void {
    void this.client?.then((client) => {
      client.destroy();
    });
  }

  /**
   * One request, or several that belong together.
   * @param what for the error: `put bucket/key`
   * @throws naming the region and what was asked for; the SDK's own error is its cause
   */
  async attempt<T>(what: string, send: (client: S3Client, abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const timeoutMs = this.timeoutMs * ATTEMPTS;
    const abortSignal = AbortSignal.timeout(timeoutMs);
    try {
      return await send(await this.connect(), abortSignal);
    } catch (error) {
      const reason = abortSignal.aborted ? `no answer in ${timeoutMs} ms` : (error as Error).message;
      throw new Error(`S3 in ${this.region}: ${what}: ${reason}`, { cause: error });
    }
  }

  private connect(): Promise<S3Client> {
    this.client ??= import("@aws-sdk/client-s3").then(
      ({ S3Client: Client }) => new Client(callsIn(this.region, ATTEMPTS, TIMEOUT_MS, this.timeoutMs)),
    );
    return this.client;
  }
}
