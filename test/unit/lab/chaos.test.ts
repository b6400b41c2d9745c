import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Journal } from "../../../automation/journal";
import { Chaos } from "../../../lab/chaos";
import { describeFault } from "../../../lab/chaos/describe";
import type { LabProcess } from "../../../lab/processes";

const REGIONS: Record<string, string> = { primary: "eu-north-1", secondary: "eu-west-1" };
let folder: string;
let done: string[];
let lost: Set<string>;
let sources: Record<string, string | null>;
let apiserver: LabProcess | undefined;
let chaos: Chaos;

const server = (pid: number): LabProcess => ({ pid, signal: (name: string) => void done.push(`${name} ${pid}`) }) as unknown as LabProcess;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "chaos-"));
  done = [];
  lost = new Set();
  sources = { "service-1": null, "service-2": "arn:other" };
  apiserver = server(7);
  chaos = new Chaos({
    lab: {
      log: () => undefined,
      processes: { get: (name: string) => (name === "eu-west-1-kube-apiserver" ? apiserver : undefined) } as never,
    },
    journals: folder,
    gateway: { setFault: (region, fault) => void done.push(`${region} ${JSON.stringify(fault ?? null)}`) },
    postgres: {
      identifiersOf: (region) => (region === "eu-west-1" ? Object.keys(sources) : []),
      replicaSourceOf: (_, id) => sources[id],
      pauseReplication: (_, id) => {
        done.push(`cut ${id}`);
        return Promise.resolve({ receivedLsn: "0/17" });
      },
      resumeReplication: (_, id) => {
        done.push(`resume ${id}`);
        return Promise.resolve();
      },
      harmBackups: (region, harm) => {
        if (region !== "eu-north-1") throw new Error(`${region} keeps no automated backups`);
        done.push(harm);
        return [{ what: `service-1: ${harm}`, undo: () => void done.push(`undo ${harm}`) }];
      },
    },
    dns: {
      pause: () => Promise.resolve(void done.push("dns closed")),
      resume: () => Promise.resolve(void done.push("dns serves")),
    },
    regionOf(site) {
      const region = REGIONS[site];
      if (region === undefined) throw new Error(`${site} is no site`);
      return region;
    },
    isLost: (region) => lost.has(region),
    lose: (region, mode) => {
      lost.add(region);
      return Promise.resolve(done.push(`lose ${region} ${mode}`));
    },
    heal: (region) => {
      lost.delete(region);
      chaos.healed(region);
      return Promise.resolve(done.push(`heal ${region}`));
    },
  });
});

afterEach(async () => {
  await chaos.close();
  rmSync(folder, { recursive: true, force: true });
});

const names = (): string[] => chaos.list().map(({ fault }) => fault);

describe("trouble with AWS", () => {
  it("of several kinds makes up one setting of the region's gateway, each ended by itself", async () => {
    await chaos.begin({ fault: "throttle", site: "secondary", rate: 0.2 });
    await chaos.begin({ fault: "errors", site: "secondary", rate: 0.1 });
    await chaos.begin({ fault: "latency", site: "primary", ms: 400 });
    await chaos.begin({ fault: "throttle", site: "secondary", rate: 0.5 });
    await chaos.end({ fault: "errors" });
    await chaos.end({ fault: "throttle", site: "secondary" });
    expect(done).toEqual([
      'eu-west-1 {"throttleRate":0.2}',
      'eu-west-1 {"throttleRate":0.2,"errorRate":0.1}',
      'eu-north-1 {"latencyMs":400}',
      'eu-west-1 {"errorRate":0.1}',
      'eu-west-1 {"throttleRate":0.5,"errorRate":0.1}',
      'eu-west-1 {"throttleRate":0.5}',
      "eu-west-1 null",
    ]);
    expect(chaos.list()).toEqual([expect.objectContaining({ fault: "latency", site: "primary", region: "eu-north-1", ms: 400 })]);
  });

  it("is refused where it makes no sense", async () => {
    await expect(chaos.begin({ fault: "throttle", site: "secondary", rate: 2 })).rejects.toThrow(/rate/);
    await expect(chaos.begin({ fault: "throttle", site: "mars", rate: 0.2 })).rejects.toThrow("mars is no site");
    await expect(chaos.begin({ fault: "kill", step: "promotion" })).rejects.toThrow(/promote/);
    await expect(chaos.begin({ fault: "meteor" })).rejects.toThrow(/fault/);
    expect([names(), done]).toEqual([[], []]);
  });
});

describe("a Kubernetes API that hangs", () => {
  it("goes on at the end of the fault", async () => {
    await chaos.begin({ fault: "hang-kubernetes", site: "secondary" });
    await chaos.end({});
    expect(done).toEqual(["SIGSTOP 7", "SIGCONT 7"]);
  });

  it("was another one where the region has been lost and come back meanwhile", async () => {
    await chaos.begin({ fault: "hang-kubernetes", site: "secondary" });
    apiserver = server(8);
    chaos.healed("eu-north-1");
    expect(names()).toEqual(["hang-kubernetes"]);
    chaos.healed("eu-west-1");
    expect([names(), done]).toEqual([[], ["SIGSTOP 7"]]);
  });

  it("is not woken where it has ended by itself", async () => {
    await chaos.begin({ fault: "hang-kubernetes", site: "secondary" });
    apiserver = server(8);
    await chaos.end({});
    expect([names(), done]).toEqual([[], ["SIGSTOP 7"]]);
  });

  it("has to be there", async () => {
    await expect(chaos.begin({ fault: "hang-kubernetes", site: "primary" })).rejects.toThrow(/no Kubernetes API server/);
    expect(names()).toEqual([]);
  });
});

describe("a cut replication", () => {
  it("finds the replica, and resumes it unless it was promoted", async () => {
    const fault = await chaos.begin({ fault: "cut-replication", site: "secondary" });
    expect(describeFault(fault)).toBe("nothing is replicated to eu-west-1 (service-2 has received WAL up to 0/17)");
    await chaos.end({});
    await chaos.begin({ fault: "cut-replication", site: "secondary" });
    sources["service-2"] = null;
    await chaos.end({});
    expect(done).toEqual(["cut service-2", "resume service-2", "cut service-2"]);
  });

  it("wants one", async () => {
    await expect(chaos.begin({ fault: "cut-replication", site: "primary" })).rejects.toThrow(/no database of eu-north-1 is a replica/);
  });
});

describe("harmed backups", () => {
  it("are damaged or lack WAL until the fault ends", async () => {
    const damaged = await chaos.begin({ fault: "damage-backup", site: "primary" });
    expect(describeFault(damaged)).toBe("the newest base backups of eu-north-1 are damaged (service-1: alter)");
    await chaos.begin({ fault: "damage-backup", site: "primary", how: "truncate" });
    const lacking = await chaos.begin({ fault: "lose-wal", site: "primary" });
    expect(describeFault(lacking)).toBe("a WAL segment of eu-north-1's archives is missing (service-1: remove-wal)");
    await chaos.end({});
    expect(done).toEqual(["alter", "undo alter", "truncate", "remove-wal", "undo truncate", "undo remove-wal"]);
  });

  it("have to be there", async () => {
    await expect(chaos.begin({ fault: "lose-wal", site: "secondary" })).rejects.toThrow("eu-west-1 keeps no automated backups");
    expect(names()).toEqual([]);
  });
});

describe("a name server that restarts", () => {
  it("comes back by itself", async () => {
    await chaos.begin({ fault: "restart-dns", forMs: 40 });
    expect([names(), done]).toEqual([["restart-dns"], ["dns closed"]]);
    await sleep(120);
    expect([names(), done]).toEqual([[], ["dns closed", "dns serves"]]);
  });

  it("comes back at once when the fault ends, and once only", async () => {
    await chaos.begin({ fault: "restart-dns", forMs: 40 });
    await chaos.end({ fault: "restart-dns" });
    await sleep(80);
    expect(done).toEqual(["dns closed", "dns serves"]);
  });
});

describe("at a step of a changeover", () => {
  const reach = (step: string, event = "begin"): void => {
    const journal = Journal.create(join(folder, "DR-9.jsonl"), "DR-9");
    journal.append({ event: "opened", detail: { driver: { pid: 999_999_999, startTime: "1" } } });
    journal.append({ event, step });
    journal.close();
  };

  it("a region is lost, and comes back at the end of the fault", async () => {
    await chaos.begin({ fault: "lose", site: "primary", step: "pause", mode: "blackhole" });
    expect([lost.size, describeFault(chaos.list()[0]!)]).toEqual([0, "eu-north-1 is to be lost at the begin of pause"]);
    reach("pause");
    await sleep(50);
    expect(chaos.list()).toEqual([
      expect.objectContaining({ happened: expect.objectContaining({ incident: "DR-9", what: "eu-north-1 is lost (blackhole)" }) }),
    ]);
    await chaos.end({});
    expect([names(), done]).toEqual([[], ["lose eu-north-1 blackhole", "heal eu-north-1"]]);
  });

  it("nothing is lost before the step, at its other event, or after the fault has ended", async () => {
    await chaos.begin({ fault: "lose", site: "primary", step: "pause", on: "end" });
    reach("pause");
    await sleep(50);
    await chaos.end({});
    Journal.create(join(folder, "DR-8.jsonl"), "DR-8").append({ event: "end", step: "pause" });
    await sleep(80);
    expect([names(), done]).toEqual([[], []]);
  });

  it("a driver that is gone already cannot be killed, and the fault says so", async () => {
    await chaos.begin({ fault: "kill", step: "open", on: "end" });
    reach("open", "end");
    await sleep(50);
    expect(chaos.list()).toEqual([expect.objectContaining({ fault: "kill", failed: expect.stringMatching(/999999999, is gone already/) })]);
  });
});
