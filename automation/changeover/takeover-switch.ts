import { TAKEOVER_KEY, takeoverContent } from "../../topology/names";
import type { Activation, Epoch } from "../../topology/roles";
import type { SiteName } from "../../topology/schema";
import type { Environment } from "../facts";
import { Objects } from "../objects";

/** A site's takeover switch, by the data plane alone. The update of its stack finds it as it would have made it. */
export class TakeoverSwitch {
  private readonly objects: Objects;
  private readonly bucket: string;

  constructor(
    { topology, names }: Environment,
    private readonly site: SiteName,
  ) {
    this.objects = new Objects(topology.sites[site]?.region ?? "");
    this.bucket = names.site(site).switchBucket;
  }

  /** Connects, so that turning it takes one round trip. Where that fails, turning it will say why. */
  async warmUp(): Promise<void> {
    await this.objects.get(this.bucket, TAKEOVER_KEY).catch(() => undefined);
  }

  /** @returns AWS's id of the request */
  async on(epoch: Epoch): Promise<string> {
    return (await this.objects.put(this.bucket, TAKEOVER_KEY, takeoverContent({ activeSite: this.site, epoch }))) ?? "";
  }

  /** @returns AWS's id of the request */
  async off(): Promise<string> {
    return (await this.objects.remove(this.bucket, TAKEOVER_KEY)) ?? "";
  }

  close(): void {
    this.objects.close();
  }
}

export const turnOn = (env: Environment, { activeSite, epoch }: Activation): Promise<string> =>
  briefly(new TakeoverSwitch(env, activeSite), (found) => found.on(epoch));

export const turnOff = (env: Environment, site: SiteName): Promise<string> =>
  briefly(new TakeoverSwitch(env, site), (found) => found.off());

async function briefly(takeover: TakeoverSwitch, turn: (takeover: TakeoverSwitch) => Promise<string>): Promise<string> {
  try {
    return await turn(takeover);
  } finally {
    takeover.close();
  }
}
