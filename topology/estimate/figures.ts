import { duration, formatDuration, type Duration } from "../duration";
import { REPLICATION_TIME } from "../replication";

/** How far a figure can be relied on: AWS says so, we measured it, or nobody says so and we had to assume. */
export type Basis = "published" | "measured" | "assumed";

/** What an estimate takes from elsewhere than the topology. */
export interface Figure {
  /** In words; for people. */
  what: string;
  /** The length of time; left out where the source has a rule and the topology the length. */
  ms?: Duration;
  /** What it is counted by. @default once */
  per?: "GB" | "tier";
  basis: Basis;
  /** Title of the document, or the command that measured it. Of an assumption: what it leans on. */
  source: string;
}

const s = (seconds: number): Duration => duration(seconds * 1_000);
const m = (minutes: number): Duration => s(minutes * 60);

/** The only place that has them; docs/figures.md is written from it by `npm run figures`. */
export const FIGURES = {
  healthCheck: {
    what: "a health check changes its mind after so many answers in a row, one each 10 s or 30 s",
    basis: "published",
    source: "Route 53 Developer Guide, 'How Amazon Route 53 determines whether a health check is healthy'",
  },
  alias: {
    what: "an alias to a load balancer lives 60 s in resolvers, also where one alias leads to another",
    basis: "published",
    source: "Route 53 Developer Guide, 'Choosing between alias and non-alias records'",
  },
  recordChange: {
    what: "a changed record has reached every name server of Route 53",
    ms: s(60),
    basis: "published",
    source: "Amazon Route 53 FAQs, 'How quickly will changes I make to my DNS settings on Amazon Route 53 propagate globally?'",
  },
  schedule: {
    what: "how long people take to look and to decide",
    basis: "assumed",
    source: "the runbook's schedule of an activation; where the topology says that the recovery is automated in full, nobody is asked",
  },
  driver: {
    what: "the driver, from the decision to the promotion: reads state, starts the engine, takes the lock, fences what answers",
    ms: s(5),
    basis: "measured",
    source: "npm run bench (docs/decisions.md); in the lab, whose API answers at once",
  },
  promotion: {
    what: "RDS promotes a replica and restarts it",
    ms: m(5),
    basis: "assumed",
    source: "Amazon RDS User Guide, 'Promoting a read replica to be a standalone DB instance': several minutes or longer, by size",
  },
  provider: {
    what: "the AWS provider's own waiting for an instance, before its first poll and between polls: never less",
    ms: s(80),
    basis: "measured",
    source: "the provider against an API that answers at once",
  },
  restore: {
    what: "RDS makes an instance in two zones from a snapshot and replays the log",
    ms: m(20),
    basis: "assumed",
    source:
      "AWS re:Post, 'Why is the point-in-time restore of my Amazon RDS DB instance taking a long time?': by the log since the snapshot; nobody publishes a figure",
  },
  loading: {
    what: "a volume from a snapshot loads its blocks on first use; every table is read once before it is trusted; 100 MiB/s, as for the lowest rate on sale",
    ms: s(1024 / 100),
    per: "GB",
    basis: "assumed",
    source: "Amazon EBS User Guide, 'Initialize Amazon EBS volumes': 100 to 300 MiB/s where a rate is paid for, which RDS does not offer",
  },
  archiving: {
    what: "RDS uploads its log; the latest restorable time is typically within the last 5 min",
    ms: m(5),
    basis: "published",
    source: "Amazon RDS User Guide, 'Restoring a DB instance to a specified time'",
  },
  replicationTime: {
    what: "S3 copies 99.99% of the objects, by its replication time control",
    ms: REPLICATION_TIME,
    basis: "published",
    source: "Amazon S3 User Guide, 'Meeting compliance requirements using S3 Replication Time Control'",
  },
  copying: {
    what: "AWS Backup takes a snapshot and copies it, encrypted anew, to another region",
    ms: m(30),
    basis: "assumed",
    source:
      "AWS Backup Developer Guide, 'Creating backup copies across AWS Regions': by what has changed, and begun up to the start window of 60 min late; nobody publishes a figure",
  },
  retrieval: {
    what: "archived objects can be read again, by the cheapest retrieval of their class that is done within the RTO, or else by its fastest",
    basis: "published",
    source: "Amazon S3 User Guide, 'Understanding archive retrieval options': the longest that it says (topology/archive.ts)",
  },
  tier: {
    what: "image pull, start and first readiness of a tier; one tier after the other",
    ms: s(30),
    per: "tier",
    basis: "assumed",
    source: "nothing public: measure your own with a drill",
  },
  build: {
    what: "every stack of a site from nothing: network, keys, load balancer, and the records that lead to it",
    ms: m(30),
    basis: "assumed",
    source: "nothing public: measure your own; the account and the cluster have to be there",
  },
  write: {
    what: "a write through the public name, read back",
    ms: s(1),
    basis: "measured",
    source: "npm run drill",
  },
} as const satisfies Record<string, Figure>;

export type FigureName = keyof typeof FIGURES;

/** `30s a tier`, or nothing where the topology has the length. */
export function valueOf({ ms, per }: Figure): string {
  return ms === undefined ? "" : `${formatDuration(ms)}${per === undefined ? "" : ` a ${per}`}`;
}
