import {
  DeregisterTargetsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  RegisterTargetsCommand,
  TargetGroupNotFoundException,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { V1Pod, V1Service } from "@kubernetes/client-node";
import type { LabContext } from "../part";
import { url } from "../world";
import { aborted, pause } from "./abort";
import { membersOf, targetPort } from "./endpoints";
import type { Store } from "./store";

/** Long enough to gather pods that become ready together, short enough not to be noticed. */
const GATHER_MS = 15;
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;

/** As the AWS Load Balancer Controller reads it (elbv2.k8s.aws/v1beta1). */
export interface TargetGroupBinding {
  metadata?: { name?: string; namespace?: string; uid?: string; resourceVersion?: string };
  spec: { serviceRef: { name: string; port: string | number }; targetGroupARN: string; targetType?: "ip" | "instance" };
}

/** `address:port` of every pod that should get traffic. */
export function targetsOf(binding: TargetGroupBinding, service: V1Service | undefined, pods: V1Pod[]): Set<string> {
  const { port: wanted } = binding.spec.serviceRef;
  const port = service?.spec?.ports?.find((p) => p.name === wanted || p.port === Number(wanted));
  const targets = new Set<string>();
  if (service === undefined || port === undefined) return targets;
  for (const { pod, ip, ready } of membersOf(service, pods)) {
    const number = targetPort(port, pod);
    if (ready && number !== undefined) targets.add(`${ip}:${number}`);
  }
  return targets;
}

/** Plays the AWS Load Balancer Controller: keeps each bound target group at the ready pods of its service. */
export class TargetGroupBindings {
  private readonly groups = new Map<string, TargetGroup>();
  private aws: ElasticLoadBalancingV2Client | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly lab: LabContext,
    private readonly region: string,
    private readonly bindings: Store<TargetGroupBinding>,
    private readonly services: Store<V1Service>,
    private readonly pods: Store<V1Pod>,
  ) {
    const later = (): void => {
      this.later();
    };
    bindings.listen(later);
    services.listen(later);
    pods.listen(later);
  }

  start(): void {
    this.aws = new ElasticLoadBalancingV2Client({
      region: this.region,
      endpoint: url(this.lab.world.region(this.region).aws),
      credentials: { accessKeyId: "lab", secretAccessKey: "lab" },
      maxAttempts: 1,
      requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000 },
    });
    this.later();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const group of this.groups.values()) group.abandon();
    this.groups.clear();
    this.aws?.destroy();
    this.aws = undefined;
  }

  private later(): void {
    if (this.aws === undefined) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.reconcile();
    }, GATHER_MS);
  }

  private reconcile(): void {
    const wanted = new Map<string, Set<string>>();
    for (const binding of this.bindings.all()) {
      const { namespace = "" } = binding.metadata ?? {};
      const service = this.services.get(namespace, binding.spec.serviceRef.name);
      const targets = wanted.get(binding.spec.targetGroupARN) ?? new Set<string>();
      for (const target of targetsOf(binding, service, this.pods.all())) targets.add(target);
      wanted.set(binding.spec.targetGroupARN, targets);
    }
    // A group that no binding names any more is left empty, as the controller's finalizer would leave it.
    for (const [arn, group] of this.groups) if (!wanted.has(arn)) group.want(new Set());
    for (const [arn, targets] of wanted) {
      let group = this.groups.get(arn);
      if (group === undefined && this.aws !== undefined) {
        group = new TargetGroup(arn, this.aws, (message) => {
          this.lab.log(`target groups ${this.region}`, message);
        });
        this.groups.set(arn, group);
      }
      group?.want(targets);
    }
  }
}

/** One target group, brought to what is wanted by one caller at a time. */
class TargetGroup {
  private wanted = new Set<string>();
  /** `undefined`: AWS is to be asked first. */
  private actual: Set<string> | undefined;
  private working = false;
  private readonly abandoned = new AbortController();

  constructor(
    private readonly arn: string,
    private readonly aws: ElasticLoadBalancingV2Client,
    private readonly log: (message: string) => void,
  ) {}

  want(targets: Set<string>): void {
    this.wanted = targets;
    if (!this.working) void this.work();
  }

  abandon(): void {
    this.abandoned.abort();
  }

  private async work(): Promise<void> {
    this.working = true;
    let retryMs = FIRST_RETRY_MS;
    while (!aborted(this.abandoned.signal)) {
      try {
        this.actual ??= await this.describe();
        const added = [...this.wanted].filter((target) => this.actual?.has(target) !== true);
        const removed = [...this.actual].filter((target) => !this.wanted.has(target));
        if (added.length === 0 && removed.length === 0) break;
        const { actual } = this;
        if (added.length > 0) {
          await this.aws.send(new RegisterTargetsCommand({ TargetGroupArn: this.arn, Targets: added.map(parse) }));
          for (const target of added) actual.add(target);
        }
        if (removed.length > 0) {
          await this.aws.send(new DeregisterTargetsCommand({ TargetGroupArn: this.arn, Targets: removed.map(parse) }));
          for (const target of removed) actual.delete(target);
        }
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (aborted(this.abandoned.signal) || (error instanceof TargetGroupNotFoundException && this.wanted.size === 0)) break;
        this.log(`${this.arn}: ${(error as Error).message}`);
        this.actual = undefined;
        await pause(retryMs, this.abandoned.signal);
        retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
      }
    }
    this.working = false;
  }

  private async describe(): Promise<Set<string>> {
    const { TargetHealthDescriptions = [] } = await this.aws.send(new DescribeTargetHealthCommand({ TargetGroupArn: this.arn }));
    return new Set(TargetHealthDescriptions.map(({ Target }) => `${Target?.Id ?? ""}:${Target?.Port ?? 0}`));
  }
}

function parse(target: string): { Id: string; Port: number } {
  const at = target.lastIndexOf(":");
  return { Id: target.slice(0, at), Port: Number(target.slice(at + 1)) };
}
