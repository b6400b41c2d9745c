/** A hosted zone as the name server needs it. Names are lower-case and have no dot at the end. */
export interface Zone {
  name: string;
  records: RecordSet[];
}

/** One resource record set: simple, one half of a failover pair, or an alias. */
export interface RecordSet {
  name: string;
  /** `A`, `CNAME`, `TXT`, ... */
  type: string;
  /** Seconds; 60 for an alias, as Route 53 gives an alias of a load balancer. */
  ttl: number;
  /** Values as Route 53 writes them; empty for an alias. */
  values: string[];
  alias?: { target: string; evaluateTargetHealth: boolean };
  failover?: "PRIMARY" | "SECONDARY";
  setIdentifier?: string;
  /** Id of its health check. */
  healthCheck?: string;
}

/** A name as it is compared: lower-case, no dot at the end, Route 53's octal escapes (`\052` for `*`) undone. */
export function canonical(name: string): string {
  return name
    .replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
    .replace(/\.$/, "")
    .toLowerCase();
}
