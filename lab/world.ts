/**
 * Where everything in the lab is. Each region has a loopback network of its own with the standard ports, so that
 * `psql`, `kubectl` and `dig` need nothing unusual and a region can be taken away by address. Pure.
 */

export interface Endpoint {
  host: string;
  port: number;
}

const REGION_OCTET: Record<string, number> = { "eu-north-1": 10, "eu-west-1": 20, "us-east-1": 30 };

/** The regions that the lab plays. */
export const REGIONS = Object.keys(REGION_OCTET);

/** Ports below 1024 need a privilege on most machines; without it the lab shifts them all by this much. */
const UNPRIVILEGED_SHIFT = 10_000;

/** Where the lab listens for what stands behind a port elsewhere. */
export function boundPort(privileged: boolean, port: number): number {
  return privileged || port >= 1_024 ? port : port + UNPRIVILEGED_SHIFT;
}

export interface World {
  /** Whether ports below 1024 could be bound. */
  privileged: boolean;
  /** The lab's own control interface (HTTP, JSON). Also what keeps a second lab away. */
  control: Endpoint;
  /** AWS for clients that know one endpoint only: forwards to the region that the request is signed for. */
  aws: Endpoint;
  /** moto itself. Only the lab's own parts talk to it directly: such calls are not counted. */
  moto: Endpoint;
  /** The DNS server, UDP and TCP. */
  dns: Endpoint;
  region(name: string): RegionWorld;
}

export interface RegionWorld {
  name: string;
  /** The region's AWS endpoint: every service, plain HTTP. */
  aws: Endpoint;
  /** The same with TLS by the lab's CA, for what insists on it: health checks of S3 objects. */
  awsTls: Endpoint;
  /** Kubernetes API (TLS, the lab's CA). */
  kubernetes: Endpoint;
  etcd: Endpoint;
  /** Load balancers, in order of creation from 0. HTTPS. */
  balancer(index: number): Endpoint;
  /** Database instances, in order of creation from 0. */
  database(index: number): Endpoint;
  /** Pods, in order of creation from 0; addresses come round again after 40,000. */
  pod(index: number): Endpoint;
}

export function world(privileged: boolean): World {
  const low = (port: number): number => boundPort(privileged, port);
  return {
    privileged,
    control: { host: "127.40.0.1", port: 4500 },
    aws: { host: "127.40.0.2", port: 4566 },
    moto: { host: "127.40.0.3", port: 5055 },
    dns: { host: "127.40.0.53", port: low(53) },
    region(name) {
      const octet = REGION_OCTET[name];
      if (octet === undefined) throw new RangeError(`the lab plays ${REGIONS.join(", ")}, not ${name}`);
      const at = (c: number, d: number): string => `127.${octet}.${c}.${d}`;
      return {
        name,
        aws: { host: at(0, 2), port: 4566 },
        awsTls: { host: at(0, 2), port: low(443) },
        kubernetes: { host: at(0, 6), port: 6443 },
        etcd: { host: at(0, 6), port: 2379 },
        balancer: (index) => ({ host: at(0, 80 + (index % 100)), port: low(443) }),
        database: (index) => ({ host: at(1 + Math.floor(index / 250), 1 + (index % 250)), port: 5432 }),
        pod: (index) => {
          const n = index % 40_000;
          return { host: at(50 + Math.floor(n / 200), 1 + (n % 200)), port: 8080 };
        },
      };
    },
  };
}

export function url(endpoint: Endpoint, scheme = "http"): string {
  return `${scheme}://${endpoint.host}:${endpoint.port}`;
}
