import { Route53Client } from "@aws-sdk/client-route-53";
import type { AwsChange, LabContext, LabPart } from "../part";
import { boundPort, url, type Endpoint } from "../world";
import { answer, type Answer, type Facts } from "./answer";
import { Prober, type CheckHealth, type Transition } from "./prober";
import { readRoute53 } from "./read";
import { Refresh } from "./refresh";
import { serveDns } from "./server";
import { canonical, type Zone } from "./zone";

export type { Answer, CheckHealth, Transition };

export interface DnsApi {
  /** Every health check with its status and why. */
  health(): CheckHealth[];
  /** Status of one check; `false` for an id that does not exist. */
  healthy(check: string): boolean;
  /** What the name server answers now, with the reasons. @param type default `A` */
  resolve(name: string, type?: string): Answer;
  /** Changes of health since the start, oldest first. */
  transitions(): Transition[];
  /** Resolves after what Route 53 holds now is being served. */
  reread(): Promise<void>;
  /** Closes the name server, as one that restarts. The health checks go on: they are other machines' work. */
  pause(): Promise<void>;
  /** Serves again; nothing to do where it does. */
  resume(): Promise<void>;
}

/** Where load balancers are, by their DNS name; what an alias that evaluates its target's health also asks. */
export interface BalancerDirectory {
  addressOf(dnsName: string): Endpoint | undefined;
  /** Whether the load balancer has something to send requests to; healthy where it does not say. */
  healthyOf?(dnsName: string): boolean;
}

const POLL_MS = 5_000;

/** Longest life of any record in the lab, in seconds: resolvers ask again as soon as Route 53's clients do in a drill's time. */
const MAX_TTL = 1;

/**
 * Route 53's data plane: a name server for the hosted zones that moto holds, and the health checks, run for real. It
 * belongs to no region, so no outage touches it.
 */
export function createDns(lab: LabContext, balancers: BalancerDirectory): LabPart & DnsApi {
  const client = new Route53Client({
    endpoint: url(lab.world.moto),
    region: "us-east-1",
    credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
  });
  let zones: Zone[] = [];
  let close: (() => Promise<void>) | undefined;

  const prober = new Prober({
    resolve: (name) => resolve(name).records.find((record) => record.type === "A")?.value,
    port: (port) => boundPort(lab.world.privileged, port),
    changed: (transition) => {
      lab.log("dns", `health check ${transition.check} is ${transition.to}: ${transition.reason}`);
    },
  });
  const facts: Facts = { healthy: (check) => prober.healthy(check), aws: (name) => awsHost(lab, balancers, name), maxTtl: MAX_TTL };
  const resolve = (name: string, type = "A"): Answer => answer(zones, facts, name, type);

  const refresh = new Refresh(
    async () => {
      const read = await readRoute53(client);
      zones = read.zones;
      prober.update(read.checks);
    },
    (error) => {
      lab.log("dns", `cannot read Route 53: ${String(error)}`);
    },
    POLL_MS,
  );
  const pause = async (): Promise<void> => {
    const serving = close;
    close = undefined;
    await serving?.();
  };
  const onChange = (change: AwsChange): void => {
    if (change.service === "route53") refresh.soon();
  };

  return {
    name: "dns",
    async start() {
      close = await serveDns(lab.world.dns, resolve);
      lab.events.on("aws", onChange);
      await refresh.start();
    },
    async stop() {
      lab.events.off("aws", onChange);
      await refresh.stop();
      prober.stop();
      await pause();
      client.destroy();
    },
    status: () => ({
      zones: zones.map((zone) => ({ name: zone.name, records: zone.records.length })),
      health: prober.health(),
    }),
    health: () => prober.health(),
    healthy: (check) => prober.healthy(check),
    transitions: () => prober.transitions(),
    resolve,
    reread: () => refresh.now(),
    pause,
    async resume() {
      close ??= await serveDns(lab.world.dns, resolve);
    },
  };
}

const S3_HOST = /(?:^|\.)s3[.-]([a-z0-9-]+)\.amazonaws\.com$/;

/** Names of AWS itself: load balancers, and S3, which every region's gateway serves. */
function awsHost(lab: LabContext, balancers: BalancerDirectory, name: string): ReturnType<Facts["aws"]> {
  const host = canonical(name).replace(/^dualstack\./, "");
  const balancer = balancers.addressOf(host);
  if (balancer !== undefined) return { address: balancer.host, healthy: balancers.healthyOf?.(host) ?? true };
  const region = S3_HOST.exec(host)?.[1];
  if (region === undefined) return undefined;
  try {
    return { address: lab.world.region(region).aws.host, healthy: true };
  } catch {
    return undefined;
  }
}
