import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Certificate } from "../certificates";
import { Refresh } from "../dns/refresh";
import type { AwsChange, LabContext, OutageMode } from "../part";
import { boundPort, url, type Endpoint } from "../world";
import { Front } from "./front";
import { proxy } from "./proxy";
import { readBalancers, readTargets, type Balancer, type Listener, type TargetGroup } from "./read";
import { Targets, type TargetHealth } from "./targets";

const POLL_MS = 10_000;

/** The load balancers of one region. */
export class RegionBalancers {
  private readonly client: ElasticLoadBalancingV2Client;
  private readonly refresh: Refresh;
  private certificate: Certificate | undefined;
  private balancers: Balancer[] = [];
  private groups = new Map<string, TargetGroup>();
  /** Places in order of creation; a place is never given twice. */
  private readonly places = new Map<string, number>();
  private readonly targets = new Map<string, Targets>();
  private readonly fronts = new Map<string, { front: Front; listener: Listener }>();
  private down: OutageMode | undefined;
  /** Groups whose targets changed and nothing else; empty means: read everything. */
  private readonly stale = new Set<string>();
  private whole = true;

  constructor(
    private readonly lab: LabContext,
    readonly name: string,
  ) {
    this.client = new ElasticLoadBalancingV2Client({
      endpoint: url(lab.world.moto),
      region: name,
      credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
    });
    this.refresh = new Refresh(
      () => this.read(),
      (error) => {
        lab.log("balancer", `cannot read the load balancers of ${name}: ${String(error)}`);
      },
      POLL_MS,
    );
  }

  async start(certificate: Certificate): Promise<void> {
    this.certificate = certificate;
    await this.refresh.start();
  }

  async stop(): Promise<void> {
    await this.refresh.stop();
    await this.dismantle();
    this.client.destroy();
  }

  changed({ action, parameters }: AwsChange): void {
    const group = parameters["TargetGroupArn"];
    if ((action === "RegisterTargets" || action === "DeregisterTargets") && group !== undefined) this.stale.add(group);
    else this.whole = true;
    this.refresh.soon();
  }

  async reread(): Promise<void> {
    this.whole = true;
    await this.refresh.now();
  }

  /** Listeners and connections end, or fall silent; health checks stop in either case. */
  async outage(mode: OutageMode): Promise<void> {
    this.down = mode;
    if (mode === "stop") {
      await this.dismantle();
      return;
    }
    for (const { front } of this.fronts.values()) front.silence();
    await this.endTargets();
  }

  async heal(): Promise<void> {
    await this.dismantle();
    this.down = undefined;
    await this.reread();
  }

  addressOf(dnsName: string): Endpoint | undefined {
    const place = this.places.get(this.find(dnsName)?.arn ?? "");
    return place === undefined ? undefined : this.lab.world.region(this.name).balancer(place);
  }

  healthyOf(dnsName: string): boolean | undefined {
    const balancer = this.find(dnsName);
    if (balancer === undefined) return undefined;
    if (this.down !== undefined) return false;
    const used = [...groupsOf([balancer])].filter((arn) => (this.groups.get(arn)?.targets.length ?? 0) > 0);
    return used.length > 0 && used.every((arn) => this.targets.get(arn)?.healthy === true);
  }

  targetHealth(arn: string): TargetHealth[] | undefined {
    const group = this.groups.get(arn);
    if (group === undefined) return undefined;
    const checked = this.targets.get(arn);
    if (checked !== undefined) return checked.health();
    return group.targets.map((target) => ({
      ...target,
      state: "unused",
      reason: "Target.NotInUse",
      description: "Target group is not configured to receive traffic from the load balancer",
    }));
  }

  status(): unknown[] {
    return this.balancers.map((balancer) => ({
      name: balancer.name,
      region: this.name,
      dnsName: balancer.dnsName,
      address: this.addressOf(balancer.dnsName),
      state: this.down ?? "up",
      groups: [...groupsOf([balancer])].map((arn) => ({ name: this.groups.get(arn)?.name ?? arn, targets: this.targetHealth(arn) ?? [] })),
    }));
  }

  private find(dnsName: string): Balancer | undefined {
    return this.balancers.find((balancer) => balancer.dnsName === dnsName);
  }

  private async read(): Promise<void> {
    const stale = [...this.stale].filter((arn) => this.groups.has(arn));
    const whole = this.whole || stale.length === 0;
    this.stale.clear();
    this.whole = false;
    if (whole) {
      try {
        const { balancers, groups } = await readBalancers(this.client);
        this.balancers = balancers;
        this.groups = new Map(groups.map((group) => [group.arn, group]));
      } catch (error) {
        this.whole = true;
        throw error;
      }
      const inOrder = [...this.balancers].sort((a, b) => a.createdAt - b.createdAt || (a.arn < b.arn ? -1 : 1));
      for (const { arn } of inOrder) if (!this.places.has(arn)) this.places.set(arn, this.places.size);
    } else {
      for (const arn of stale) {
        const group = this.groups.get(arn);
        if (group !== undefined) this.groups.set(arn, { ...group, targets: await readTargets(this.client, arn) });
      }
    }
    if (this.regionIsUp()) await this.apply();
  }

  /** Makes what runs match what was read. */
  private async apply(): Promise<void> {
    const used = groupsOf(this.balancers);
    for (const [arn, targets] of this.targets) {
      if (used.has(arn) && this.groups.has(arn)) continue;
      this.targets.delete(arn);
      void targets.destroy();
    }
    for (const arn of used) {
      const group = this.groups.get(arn);
      if (group === undefined) continue;
      const running = this.targets.get(arn);
      if (running !== undefined) running.update(group);
      else {
        const log = (message: string): void => {
          this.lab.log("balancer", `${this.name}: ${message}`);
        };
        this.targets.set(arn, new Targets(group, log));
      }
    }

    const wanted = new Map(
      this.balancers.flatMap((balancer) => balancer.listeners.map((listener) => [listener.arn, { balancer, listener }] as const)),
    );
    const unwanted = [...this.fronts].filter(([arn, { listener }]) => {
      const now = wanted.get(arn)?.listener;
      return now?.port !== listener.port || now.protocol !== listener.protocol;
    });
    for (const [arn] of unwanted) this.fronts.delete(arn);
    await Promise.all(unwanted.map(([, { front }]) => front.close()));
    for (const [arn, { balancer, listener }] of wanted) {
      const running = this.fronts.get(arn);
      if (running !== undefined) running.listener = listener;
      else if (this.regionIsUp()) await this.open(balancer, listener);
    }
  }

  /** Asked again after each wait: the region may have gone meanwhile. */
  private regionIsUp(): boolean {
    return this.down === undefined;
  }

  private async open(balancer: Balancer, listener: Listener): Promise<void> {
    const address = this.addressOf(balancer.dnsName);
    if (address === undefined) return;
    const { privileged } = this.lab.world;
    const port = boundPort(privileged, listener.port);
    const handle = proxy(
      () => this.fronts.get(listener.arn)?.listener ?? listener,
      (group) => this.targets.get(group)?.next(),
      () => this.down === "blackhole",
    );
    const front = new Front({ host: address.host, port }, listener.protocol === "HTTPS" ? this.certificate : undefined, handle);
    try {
      await front.listen();
    } catch (error) {
      this.lab.log("balancer", `${balancer.name} cannot listen at ${address.host}:${port}: ${String(error)}`);
      return;
    }
    if (this.down === "stop") return front.close();
    if (this.down === "blackhole") front.silence();
    this.fronts.set(listener.arn, { front, listener });
  }

  private async dismantle(): Promise<void> {
    const fronts = [...this.fronts.values()];
    this.fronts.clear();
    await Promise.all([...fronts.map(({ front }) => front.close()), this.endTargets()]);
  }

  private async endTargets(): Promise<void> {
    const targets = [...this.targets.values()];
    this.targets.clear();
    await Promise.all(targets.map((group) => group.destroy()));
  }
}

/** Target groups that some rule forwards to. */
function groupsOf(balancers: Balancer[]): Set<string> {
  const rules = balancers.flatMap((balancer) => balancer.listeners.flatMap((listener) => listener.rules));
  return new Set(rules.flatMap(({ action }) => (action.type === "forward" ? action.groups.map((group) => group.arn) : [])));
}
