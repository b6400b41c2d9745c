import { prettifyError, type ZodType } from "zod";
import type { DnsApi } from "../dns";
import type { Gateway } from "../gateway";
import type { LabContext, OutageMode } from "../part";
import type { RdsPlane } from "../postgres";
import { atStep, type Seen } from "./at-step";
import { fillDisk, freeDisk } from "./disk";
import { killDriver } from "./kill";
import { Ending, Fault, type ActiveFault } from "./request";

export type { ActiveFault } from "./request";

/** What faults work on. */
export interface Surroundings {
  lab: Pick<LabContext, "log" | "processes">;
  /** Journals of drivers that run against this lab. */
  journals: string;
  gateway: Pick<Gateway, "setFault">;
  postgres: Pick<RdsPlane, "identifiersOf" | "replicaSourceOf" | "pauseReplication" | "resumeReplication" | "harmBackups">;
  dns: Pick<DnsApi, "pause" | "resume">;
  /** @throws for what is no site or region */
  regionOf(site: string): string;
  isLost(region: string): boolean;
  lose(region: string, mode: OutageMode): Promise<unknown>;
  heal(region: string): Promise<unknown>;
}

interface Held {
  record: ActiveFault;
  end(): Promise<void>;
}

/** The faults that hold now. One of a kind and site at a time: the same again takes the place of the earlier one. */
export class Chaos {
  private readonly held = new Map<string, Held>();
  /** One change after another. */
  private work: Promise<unknown> = Promise.resolve();

  constructor(private readonly around: Surroundings) {}

  list(): ActiveFault[] {
    return [...this.held.values()].map(({ record }) => record);
  }

  /** @param request see `Fault`. @throws where it makes no sense, or cannot be done here */
  begin(request: unknown): Promise<ActiveFault> {
    return this.inOrder(async () => {
      const fault = read(Fault, request);
      const region = "site" in fault ? this.around.regionOf(fault.site) : undefined;
      const key = keyOf(fault.fault, region);
      await this.release(key);
      const record: ActiveFault = { ...fault, since: new Date().toISOString(), ...(region === undefined ? {} : { region }) };
      const held: Held = { record, end: () => Promise.resolve() };
      this.held.set(key, held);
      try {
        Object.assign(
          held,
          await this.apply(record, region ?? "", () => {
            this.forget(key, held);
          }),
        );
      } catch (error) {
        this.held.delete(key);
        throw error;
      }
      this.log(`${key} begins`);
      return record;
    });
  }

  /** @returns the faults that ended */
  end(request: unknown): Promise<ActiveFault[]> {
    return this.inOrder(async () => {
      const { fault, site } = read(Ending, request);
      const region = site === undefined ? undefined : this.around.regionOf(site);
      const keys = [...this.held].filter(
        ([, { record }]) => (fault === undefined || record.fault === fault) && (region === undefined || record.region === region),
      );
      const ended: ActiveFault[] = [];
      for (const [key, { record }] of keys) {
        await this.release(key);
        ended.push(record);
      }
      return ended;
    });
  }

  /** Ends everything, whatever goes wrong with one or the other: the lab goes down. */
  async close(): Promise<void> {
    await this.inOrder(async () => {
      for (const [key, held] of this.held) {
        this.held.delete(key);
        // What the lab's end takes away in any case need not be brought back before.
        if (held.record.fault === "lose" && held.record.happened) continue;
        await held.end().catch((error: unknown) => {
          this.log(`${key} did not end: ${(error as Error).message}`);
        });
      }
    });
  }

  /** A region is back, whoever healed it: with an API server that runs. */
  healed(region: string): void {
    for (const [key, { record }] of this.held) {
      const over = record.fault === "hang-kubernetes" || (record.fault === "lose" && record.happened);
      if (over && record.region === region) this.held.delete(key);
    }
  }

  private async apply(record: ActiveFault, region: string, forget: () => void): Promise<Partial<Held>> {
    const { around } = this;
    switch (record.fault) {
      case "throttle":
      case "errors":
      case "latency":
        this.setGateway(region);
        return {
          end: () => {
            this.setGateway(region);
            return Promise.resolve();
          },
        };
      case "hang-kubernetes": {
        const find = () => around.lab.processes.get(`${region}-kube-apiserver`);
        const server = find();
        if (server === undefined) throw new Error(`no Kubernetes API server runs in ${region}`);
        server.signal("SIGSTOP");
        record.detail = `pid ${server.pid}`;
        return {
          end: () => {
            // One that has ended meanwhile can hang no more, and another one was never stopped.
            if (find() === server) server.signal("SIGCONT");
            return Promise.resolve();
          },
        };
      }
      case "cut-replication": {
        const replicas = around.postgres
          .identifiersOf(region)
          .filter((id) => typeof around.postgres.replicaSourceOf(region, id) === "string");
        if (replicas.length === 0) throw new Error(`no database of ${region} is a replica`);
        const cut = await Promise.all(replicas.map(async (id) => ({ id, ...(await around.postgres.pauseReplication(region, id)) })));
        record.detail = cut.map(({ id, receivedLsn }) => `${id} has received WAL up to ${receivedLsn ?? "nothing"}`).join(", ");
        return {
          end: async () => {
            // A promoted one, or one that is gone, has nothing to resume.
            const left = replicas.filter((id) => typeof around.postgres.replicaSourceOf(region, id) === "string");
            await Promise.all(left.map((id) => around.postgres.resumeReplication(region, id)));
          },
        };
      }
      case "damage-backup":
      case "lose-wal": {
        const damages = around.postgres.harmBackups(region, record.fault === "lose-wal" ? "remove-wal" : record.how);
        record.detail = damages.map(({ what }) => what).join(", ");
        return {
          end: () => {
            for (const { undo } of damages) undo();
            return Promise.resolve();
          },
        };
      }
      case "restart-dns": {
        await around.dns.pause();
        const timer = setTimeout(() => {
          void around.dns.resume().then(forget, (error: unknown) => {
            record.failed = (error as Error).message;
          });
        }, record.forMs);
        return {
          end: async () => {
            clearTimeout(timer);
            await around.dns.resume();
          },
        };
      }
      case "disk-full":
        await fillDisk(around.journals, record.leaveBytes);
        record.detail = around.journals;
        return { end: () => freeDisk(around.journals) };
      case "clock":
        record.detail = 'for what is started after: eval "$(npx changeover lab env)"';
        return {};
      case "lose": {
        if (around.isLost(region)) throw new Error(`${region} is lost already`);
        const watch = this.trap(record, async () => {
          await around.lose(region, record.mode);
          return `${region} is lost (${record.mode})`;
        });
        return {
          end: async () => {
            watch.close();
            if (record.happened && around.isLost(region)) await around.heal(region);
          },
        };
      }
      case "kill": {
        const watch = this.trap(record, ({ driver, file }) => {
          if (driver === undefined) throw new Error(`no entry of ${file} says which process writes it`);
          return `killed pid ${killDriver(driver, record).join(", ")}`;
        });
        return {
          end: () => {
            watch.close();
            return Promise.resolve();
          },
        };
      }
    }
  }

  /** Acts at the step that the record names, and writes into it what came of that. */
  private trap(record: ActiveFault & { step: string; on: "begin" | "end" }, act: (seen: Seen) => string | Promise<string>) {
    const watch = atStep(this.around.journals, record, async (seen) => {
      const at = new Date().toISOString();
      record.happened = { at, incident: seen.incident, what: await act(seen) };
    });
    watch.seen.then(
      (seen) => {
        if (seen) this.log(`${record.fault} at ${record.step} (${record.on}) of ${seen.incident}: ${record.happened?.what ?? ""}`);
      },
      (error: unknown) => {
        record.failed = (error as Error).message;
        this.log(`${record.fault} at ${record.step}: ${record.failed}`);
      },
    );
    return watch;
  }

  /** The gateway has one setting for each region, which several faults make up. */
  private setGateway(region: string): void {
    const of = this.list().filter((record) => record.region === region);
    const fault = {
      ...of.reduce((all, record) => (record.fault === "throttle" ? { ...all, throttleRate: record.rate } : all), {}),
      ...of.reduce((all, record) => (record.fault === "errors" ? { ...all, errorRate: record.rate } : all), {}),
      ...of.reduce((all, record) => (record.fault === "latency" ? { ...all, latencyMs: record.ms } : all), {}),
    };
    this.around.gateway.setFault(region, Object.keys(fault).length > 0 ? fault : undefined);
  }

  private async release(key: string): Promise<void> {
    const held = this.held.get(key);
    if (!held) return;
    this.held.delete(key);
    try {
      await held.end();
    } catch (error) {
      this.held.set(key, held);
      throw error;
    }
    this.log(`${key} ends`);
  }

  private forget(key: string, held: Held): void {
    if (this.held.get(key) === held) this.held.delete(key);
  }

  private inOrder<T>(change: () => Promise<T>): Promise<T> {
    const done = this.work.then(change);
    this.work = done.catch(() => undefined);
    return done;
  }

  private log(message: string): void {
    this.around.lab.log("chaos", message);
  }
}

function read<T>(schema: ZodType<T>, request: unknown): T {
  const { data, error } = schema.safeParse(request);
  if (error) throw new Error(prettifyError(error));
  return data;
}

function keyOf(fault: string, region: string | undefined): string {
  return region === undefined ? fault : `${fault} ${region}`;
}
