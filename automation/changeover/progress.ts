import type { Tier } from "../../topology/schema";
import type { ResourceEvent } from "../pulumi/events";

const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
const SWITCH = "aws:s3/bucketObjectv2:BucketObjectv2";

/** A moment that may be waited for. Milliseconds of the incident's clock. */
class Moment {
  at: number | undefined;
  readonly reached: Promise<void>;
  private resolve: () => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => (this.resolve = resolve));
  }

  mark(at: number): void {
    this.at ??= at;
    this.resolve();
  }
}

/** Follows the update that makes a site active: when each tier was ready, the switch on. */
export class TargetProgress {
  /** The first service is ready. */
  readonly serving = new Moment();
  readonly switched = new Moment();
  /** By tier, in recovery order. */
  readonly ready: Moment[];
  private readonly waiting: Set<string>[];

  constructor(
    private readonly tiers: Tier[],
    private readonly clock: () => number,
  ) {
    this.waiting = tiers.map(({ services }) => new Set(Object.keys(services)));
    this.ready = tiers.map(() => new Moment());
  }

  readonly take = ({ phase, type, name }: ResourceEvent): void => {
    if (phase !== "end") return;
    if (type === SWITCH) this.switched.mark(this.clock());
    if (type === DEPLOYMENT) this.deployed(name);
  };

  /** The update is over: what it did not have to touch was ready before. */
  finish(): void {
    const now = this.clock();
    for (const moment of [this.serving, this.switched, ...this.ready]) moment.mark(now);
  }

  /** Tiers 0 and 1: what traffic waits for. */
  get critical(): Moment[] {
    return this.ready.slice(0, 2);
  }

  tierTimes(): { tier: number; readyMs: number }[] {
    return this.tiers.map(({ tier }, i) => ({ tier, readyMs: Math.round(this.ready[i]?.at ?? 0) }));
  }

  private deployed(name: string): void {
    this.waiting.forEach((services, i) => {
      const tier = this.tiers[i];
      const service = Object.keys(tier?.services ?? {}).find((candidate) => name.endsWith(`-${candidate}-deployment`));
      if (service === undefined) return;
      services.delete(service);
      this.serving.mark(this.clock());
      if (services.size === 0) this.ready[i]?.mark(this.clock());
    });
  }
}
