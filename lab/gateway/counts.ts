import type { OutageMode } from "../part";
import type { AwsRequest } from "./mend";

export interface RequestRecord {
  /** ISO 8601. */
  time: string;
  service: string;
  action: string;
  userAgent: string;
}

/**
 * Requests that reached a region while it was lost. Those of health checkers and of guards are not among them: they are
 * meant to ask, on the data plane and for one object. Nor are those of AWS's own services, which are not the product's.
 */
export interface OutageCounts {
  mode: OutageMode;
  from: string;
  /** Set when the region is healed; the counts then stay as they were. */
  to?: string;
  total: number;
  /** By `service:action`. */
  byAction: Record<string, number>;
  /** The last 50. */
  recent: RequestRecord[];
}

export interface RegionCounts {
  /** All requests since the gateway started, those of health checkers, guards and AWS's own services left out. */
  total: number;
  /** Requests of health checkers. */
  probes: number;
  /** Requests of guards, for takeover switches. */
  guards: number;
  /** Requests of AWS Backup, to RDS. */
  services: number;
  /** The current outage, or the last one. */
  outage?: OutageCounts;
}

const RECENT = 50;

/** What one region was asked. */
export class Counter {
  private total = 0;
  private probes = 0;
  private guards = 0;
  private services = 0;
  private outage: OutageCounts | undefined;

  begin(mode: OutageMode): void {
    this.outage = { mode, from: new Date().toISOString(), total: 0, byAction: {}, recent: [] };
  }

  end(): void {
    if (this.outage) this.outage.to ??= new Date().toISOString();
  }

  add(request: Pick<AwsRequest, "service" | "action">, userAgent: string, asker: "probe" | "guard" | "service" | "client"): void {
    if (asker === "probe") this.probes += 1;
    else if (asker === "guard") this.guards += 1;
    else if (asker === "service") this.services += 1;
    else this.addClient(request, userAgent);
  }

  private addClient({ service, action }: Pick<AwsRequest, "service" | "action">, userAgent: string): void {
    this.total += 1;
    if (!this.outage || this.outage.to !== undefined) return;
    const key = `${service}:${action}`;
    this.outage.total += 1;
    this.outage.byAction[key] = (this.outage.byAction[key] ?? 0) + 1;
    this.outage.recent.push({ time: new Date().toISOString(), service, action, userAgent });
    if (this.outage.recent.length > RECENT) this.outage.recent.shift();
  }

  get value(): RegionCounts {
    return structuredClone({
      total: this.total,
      probes: this.probes,
      guards: this.guards,
      services: this.services,
      ...(this.outage ? { outage: this.outage } : {}),
    });
  }
}
