import { createHash } from "node:crypto";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Archive } from "./archive";
import { ACCOUNT } from "../account";
import type { InstanceName } from "./instance-name";
import type { InstanceRecord } from "./records";
import type { Transfers } from "./transfers";

const DAY_MS = 86_400_000;
/** WAL segments that one copy takes along. */
const SEGMENTS_AT_ONCE = 256;

/** What Amazon RDS calls an automated backup: all that is kept of one instance in one region. */
export interface AutomatedBackup {
  /** `DBInstanceAutomatedBackupsArn` */
  arn: string;
  /** Where it is kept. */
  region: string;
  /** Whose backup it is. */
  instance: InstanceName;
  /** `DbiResourceId` of the instance. */
  resourceId: string;
  archive: Archive;
  /** Days. */
  retention: number;
  /** Of the key that it is encrypted with here. */
  kmsKeyId?: string;
  /** What moto recorded of the instance last. */
  record: InstanceRecord | undefined;
  /** `retained`: of an instance that is gone, or no longer replicated. */
  origin: "own" | "replicated" | "retained";
}

/** `Status` as Amazon RDS shows it. */
export function statusOf({ origin, archive }: AutomatedBackup): string {
  if (origin === "retained") return "retained";
  const there = archive.window !== undefined;
  if (origin === "own") return there ? "active" : "creating";
  return there ? "replicating" : "pending";
}

/** The automated backups of a lab, and their replication between regions. */
export class AutomatedBackups {
  private readonly known = new Map<string, AutomatedBackup>();
  private readonly shipping = new Map<AutomatedBackup, { stop: AbortController; done: Promise<void> }>();

  constructor(
    private readonly folder: string,
    private readonly transfers: Transfers,
    private readonly everyMs: number,
    private readonly log: (message: string) => void,
  ) {}

  in(region: string): AutomatedBackup[] {
    return [...this.known.values()].filter((backup) => backup.region === region);
  }

  find(region: string, resourceId: string): AutomatedBackup | undefined {
    return this.known.get(keyOf(region, resourceId));
  }

  /** For a new instance, whose data may come to be archived. */
  open(instance: InstanceName, resourceId: string): Archive {
    return this.add(instance.region, resourceId, { instance, resourceId, retention: 0, record: undefined, origin: "own" }).archive;
  }

  /** The instance is gone. Without any moment that could be restored there is nothing to retain. */
  close(region: string, resourceId: string, retain: boolean): void {
    const backup = this.find(region, resourceId);
    if (backup?.origin !== "own") return;
    for (const other of this.known.values()) {
      if (other.resourceId === resourceId && other.origin === "replicated") this.stopReplicating(other);
    }
    if (retain && backup.archive.window !== undefined) backup.origin = "retained";
    else this.remove(region, resourceId);
  }

  remove(region: string, resourceId: string): void {
    const backup = this.find(region, resourceId);
    if (!backup) return;
    this.known.delete(keyOf(region, resourceId));
    void this.endShipping(backup).then(() => {
      backup.archive.remove();
    });
  }

  /** Ships base backups and WAL of `source` to another region from now on. */
  replicate(source: AutomatedBackup, region: string, retention: number, kmsKeyId: string | undefined): AutomatedBackup {
    const { instance, resourceId, record } = source;
    const about = {
      instance,
      resourceId,
      record,
      retention,
      origin: "replicated" as const,
      ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    };
    // What an earlier replication has shipped is there still.
    const earlier = this.find(region, resourceId);
    const backup = earlier ? Object.assign(earlier, about) : this.add(region, resourceId, about);
    const stop = new AbortController();
    this.shipping.set(backup, { stop, done: this.ship(source, backup, stop.signal) });
    return backup;
  }

  /** What has been shipped stays. */
  stopReplicating(backup: AutomatedBackup): void {
    backup.origin = "retained";
    void this.endShipping(backup);
  }

  /** The lab ends; transfers have ended before. */
  async end(): Promise<void> {
    await Promise.all([...this.shipping.keys()].map((backup) => this.endShipping(backup)));
  }

  private async endShipping(backup: AutomatedBackup): Promise<void> {
    const going = this.shipping.get(backup);
    this.shipping.delete(backup);
    going?.stop.abort();
    await going?.done;
  }

  private add(region: string, resourceId: string, about: Omit<AutomatedBackup, "arn" | "region" | "archive">): AutomatedBackup {
    const id = createHash("sha256").update(`${region}/${resourceId}`).digest("hex").slice(0, 26);
    const arn = `arn:aws:rds:${region}:${ACCOUNT}:auto-backup:ab-${id}`;
    const backup: AutomatedBackup = { ...about, arn, region, archive: new Archive(join(this.folder, region, resourceId)) };
    this.known.set(keyOf(region, resourceId), backup);
    return backup;
  }

  private async ship(source: AutomatedBackup, to: AutomatedBackup, signal: AbortSignal): Promise<void> {
    const over = (): boolean => signal.aborted;
    let last = "";
    while (!over()) {
      try {
        await this.shipNews(source, to);
        last = "";
      } catch (error) {
        const { message } = error as Error;
        if (!over() && message !== last) this.log(`backups of ${source.instance.id} to ${to.region}: ${message}`);
        last = message;
      }
      await sleep(this.everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async shipNews(source: AutomatedBackup, to: AutomatedBackup): Promise<void> {
    const regions = [source.region, to.region];
    // Before the files are listed: all of its segments are among them.
    const { mark } = source.archive;
    const newest = to.archive.bases.at(-1)?.completedAt ?? 0;
    // Of those made before the replication began the last one will do.
    const bases = source.archive.bases.filter(({ completedAt }) => completedAt > newest).slice(newest === 0 ? -1 : 0);
    for (const base of bases) {
      const unfinished = to.archive.baseFolder(`.${base.name}`);
      await this.transfers.folder(regions, source.archive.baseFolder(base.name), unfinished);
      renameSync(unfinished, to.archive.baseFolder(base.name));
      to.archive.bases.push(base);
    }
    const first = to.archive.bases[0]?.firstWal;
    if (first === undefined) return;
    const there = new Set(to.archive.walFiles());
    const files = source.archive.walFiles().filter((name) => name >= first && !there.has(name));
    const incoming = join(to.archive.folder, "incoming");
    mkdirSync(incoming, { recursive: true });
    while (files.length > 0) {
      const some = files.splice(0, SEGMENTS_AT_ONCE);
      await this.transfers.files(
        regions,
        some.map((name) => join(source.archive.walFolder, name)),
        incoming,
      );
      for (const name of some) renameSync(join(incoming, name), join(to.archive.walFolder, name));
    }
    if (mark) to.archive.mark = mark;
    to.record = source.record;
    to.archive.prune(Date.now() - to.retention * DAY_MS);
  }
}

function keyOf(region: string, resourceId: string): string {
  return `${region}/${resourceId}`;
}
