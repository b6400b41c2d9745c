import type { EventEmitter } from "node:events";
import type { CertificateAuthority } from "./certificates";
import type { ProcessTable } from "./processes";
import type { World } from "./world";

/** How a region is lost: `stop` ends what runs there (connections are refused), `blackhole` freezes it (they hang). */
export type OutageMode = "stop" | "blackhole";

/** A change of what moto records, seen by the gateway after it succeeded. */
export interface AwsChange {
  region: string;
  /** Signing name of the service: `rds`, `s3`, `route53`, `elasticloadbalancing`, ... */
  service: string;
  /** API action: `CreateDBInstance`, `PutObject`, ... */
  action: string;
  /** Parameters that the reader may need, as the gateway parsed them (query parameters; for S3 `bucket` and `key`). */
  parameters: Record<string, string>;
}

/** What every part of the lab is given. */
export interface LabContext {
  world: World;
  /** The lab's folder; a part keeps its files in a folder of its own name below. */
  folder: string;
  /** Binaries: absolute paths by name (`etcd`, `kube-apiserver`, `kube-controller-manager`, `moto_server`, `postgres`, `initdb`, ...). */
  tool(name: string): string;
  processes: ProcessTable;
  certificates: CertificateAuthority;
  /** Emits `aws` with an AwsChange. */
  events: EventEmitter<{ aws: [AwsChange] }>;
  /** One line into `<folder>/lab.log`. */
  log(part: string, message: string): void;
}

/** One thing that the lab runs. */
export interface LabPart {
  name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The region is gone, at once. */
  outage?(region: string, mode: OutageMode): Promise<void>;
  /** The region is back, with what it had on disk. */
  heal?(region: string): Promise<void>;
  /** For `lab status --json`. */
  status?(): unknown;
}
