type Status = "PENDING" | "COMPLETED" | "FAILED";

/** One version of an object; `undefined` where the bucket keeps no versions. */
export interface VersionOf {
  bucket: string;
  key: string;
  versionId: string | undefined;
}

/** What `x-amz-replication-status` says of each version. */
export class Statuses {
  private readonly originals = new Map<string, Map<string, Status>>();
  private readonly replicas = new Set<string>();

  set(version: VersionOf, destination: string, status: Status): void {
    const key = nameOf(version);
    const known = this.originals.get(key) ?? new Map<string, Status>();
    this.originals.set(key, known.set(destination, status));
  }

  setReplica(version: VersionOf): void {
    this.replicas.add(nameOf(version));
  }

  /** With several destinations: failed if one did, completed once all are (Amazon S3 User Guide, 'Getting replication status information'). */
  of(version: VersionOf): Status | "REPLICA" | undefined {
    const key = nameOf(version);
    if (this.replicas.has(key)) return "REPLICA";
    const known = this.originals.get(key);
    if (!known) return undefined;
    const all = [...known.values()];
    return all.find((status) => status === "FAILED") ?? all.find((status) => status === "PENDING") ?? "COMPLETED";
  }
}

export function nameOf({ bucket, key, versionId }: VersionOf): string {
  return JSON.stringify([bucket, key, versionId ?? "null"]);
}
