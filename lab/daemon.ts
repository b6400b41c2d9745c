import { EventEmitter } from "node:events";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";
import type { Topology } from "../topology/schema";
import { createBackup } from "./backup";
import { createBalancers } from "./balancer";
import { CertificateAuthority } from "./certificates";
import { Chaos } from "./chaos";
import { serveControl, type LabIdentity } from "./control";
import { createDns } from "./dns";
import { labFiles } from "./folder";
import { createGateway } from "./gateway";
import { healthStatus } from "./gateway/mends/health-status";
import { targetHealth } from "./gateway/mends/target-health";
import { rdsMend } from "./gateway/rds";
import { createCluster } from "./kubernetes";
import { memoryOf } from "./memory";
import { createMoto } from "./moto";
import type { AwsChange, LabContext, LabPart, OutageMode } from "./part";
import { createPostgres } from "./postgres";
import { ProcessTable } from "./processes";
import { createReplication } from "./storage";
import { world } from "./world";

/** What `lab up` writes down for the daemon to begin with. */
export interface LabDescription {
  topology: Topology;
  privileged: boolean;
  /** Absolute paths of the binaries. */
  tools: Record<string, string>;
  /** How each provider plugin got here: `official` or `stand-in`. */
  plugins: Record<string, "official" | "stand-in">;
  /** `PULUMI_HOME` that has them. */
  pulumiHome: string;
  /** How long a day of S3's lasts, in ms. */
  storageDayMs: number;
  /** How long an hour of AWS Backup's schedules lasts, in ms. */
  backupHourMs: number;
}

/** Runs the lab's parts until it is told to stop. One process; the real servers are its children. */
export async function runDaemon(folder: string): Promise<void> {
  const files = labFiles(folder);
  const description = JSON.parse(readFileSync(files.description, "utf8")) as LabDescription;
  const { topology } = description;
  mkdirSync(join(folder, "clients"), { recursive: true });
  const log = (part: string, message: string): void => {
    appendFileSync(files.log, `${new Date().toISOString()} ${part}: ${message}\n`);
  };
  const lab: LabContext = {
    world: world(description.privileged),
    folder,
    tool(name) {
      const path = description.tools[name];
      if (!path) throw new Error(`the lab was set up without ${name}`);
      return path;
    },
    processes: new ProcessTable(folder),
    certificates: await CertificateAuthority.open(folder),
    events: new EventEmitter<{ aws: [AwsChange] }>(),
    log,
  };

  const postgres = createPostgres(lab);
  const balancers = createBalancers(lab, { dnsNames: [`*.${topology.domain}`, topology.domain] });
  const dns = createDns(lab, balancers);
  const replication = createReplication(lab, { dayMs: description.storageDayMs });
  const backup = createBackup(lab, { hourMs: description.backupHourMs });
  const gateway = createGateway(lab, [
    ...backup.mends,
    rdsMend(postgres),
    targetHealth((arn) => balancers.targetHealth(arn)),
    healthStatus(() => dns.health()),
    ...replication.mends,
  ]);
  const moto = createMoto(lab);
  const clusters = await Promise.all(
    Object.entries(topology.sites).map(async ([name, { region, standby }]) => ({
      site: name,
      cluster: await createCluster(lab, region, { programs: files.programs, asleep: standby === "cold" }),
    })),
  );
  // What others depend on comes first; it is stopped last.
  const parts: LabPart[][] = [
    [moto],
    [gateway, ...clusters.map(({ cluster }) => cluster)],
    [postgres, balancers, dns, replication, backup],
  ];
  const all = parts.flat();
  const lost = new Map<string, { mode: OutageMode; at: string }>();

  const identity: LabIdentity = { folder, pid: process.pid, startedAt: new Date().toISOString() };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      log("lab", "stops");
      await chaos.close();
      for (const group of parts.toReversed()) await Promise.allSettled(group.map((part) => part.stop()));
      await Promise.allSettled(lab.processes.list().map((child) => child.end(2_000)));
    })());
  process.on("uncaughtException", (error) => {
    log("lab", `uncaught: ${error.stack ?? String(error)}`);
  });
  process.on("unhandledRejection", (error) => {
    log("lab", `unhandled: ${(error as Error).stack ?? String(error)}`);
  });

  const regionOf = (value: unknown): string => {
    const region = topology.sites[String(value)]?.region ?? String(value);
    if (!Object.values(topology.sites).some((site) => site.region === region)) {
      throw new Error(
        `${String(value)} is no site or region of the lab; there are: ${Object.entries(topology.sites)
          .map(([name, site]) => `${name} (${site.region})`)
          .join(", ")}`,
      );
    }
    return region;
  };

  const lose = async (region: string, mode: OutageMode): Promise<{ region: string; mode: OutageMode; at: string }> => {
    if (lost.has(region)) throw new Error(`${region} is lost already`);
    const at = new Date().toISOString();
    lost.set(region, { mode, at });
    log("lab", `${region} is lost (${mode})`);
    await Promise.all(all.map(async (part) => part.outage?.(region, mode)));
    return { region, mode, at };
  };
  const heal = async (region: string): Promise<void> => {
    if (!lost.has(region)) throw new Error(`${region} is not lost`);
    for (const group of parts) await Promise.all(group.map(async (part) => part.heal?.(region)));
    lost.delete(region);
    chaos.healed(region);
    log("lab", `${region} is back`);
  };
  const chaos = new Chaos({
    lab,
    journals: files.journals,
    gateway,
    postgres,
    dns,
    regionOf,
    isLost: (region) => lost.has(region),
    lose,
    heal,
  });

  const control = await serveControl(lab.world.control, {
    "GET /identity": () => Promise.resolve(identity),
    "GET /status": () =>
      Promise.resolve({
        ...identity,
        plugins: description.plugins,
        memoryBytes: memoryOf([process.pid, ...lab.processes.list().map(({ pid }) => pid)]),
        faults: chaos.list(),
        regions: Object.entries(topology.sites).map(([site, { region }]) => ({ site, region, outage: lost.get(region) ?? null })),
        processes: lab.processes.list().map(({ spec, pid }) => ({ name: spec.name, region: spec.region ?? null, pid })),
        parts: Object.fromEntries(all.map((part) => [part.name, part.status?.() ?? null])),
      }),
    "GET /counts": () =>
      Promise.resolve({
        aws: gateway.counts(),
        kubernetes: Object.fromEntries(
          clusters.map(({ site, cluster }) => [topology.sites[site]?.region ?? site, cluster.connectionsDuringOutage()]),
        ),
      }),
    "GET /health": () => Promise.resolve({ checks: dns.health(), transitions: dns.transitions() }),
    "GET /kubeconfigs": () => Promise.resolve(Object.fromEntries(clusters.map(({ site, cluster }) => [site, cluster.kubeconfig()]))),
    "POST /outage": async ({ region: name, mode = "stop" }) => {
      const region = regionOf(name);
      if (mode !== "stop" && mode !== "blackhole") throw new Error(`mode is ${JSON.stringify(mode)}; it may be stop or blackhole`);
      return lose(region, mode);
    },
    "POST /heal": async ({ region: name }) => {
      const region = regionOf(name);
      await heal(region);
      return { region };
    },
    "POST /chaos": (body) => chaos.begin(body),
    "POST /chaos/end": (body) => chaos.end(body),
    "POST /clients": async ({ run, env }) => {
      const running = lab.processes.get("clients");
      if (run !== true) {
        await running?.end(10_000);
        return {};
      }
      if (running) throw new Error("the clients run already");
      lab.processes.spawn({
        name: "clients",
        command: process.execPath,
        args: [join(folder, "clients.cjs")],
        env: env as Record<string, string>,
        cwd: folder,
      });
      return {};
    },
    "POST /stop": async () => {
      setImmediate(() => {
        void stop().then(() => {
          control.closeAllConnections();
          process.exit(0);
        });
      });
      return Promise.resolve({ pid: process.pid });
    },
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      void stop().then(() => process.exit(0));
    });
  }

  log("lab", `starts in ${folder}`);
  try {
    for (const group of parts) await Promise.all(group.map((part) => part.start()));
  } catch (error) {
    log("lab", `did not start: ${(error as Error).stack ?? String(error)}`);
    await stop();
    throw error;
  }
  log("lab", "ready");
}

/** In the scale of nice(1); what the daemon starts has it too. */
const SITES_PRIORITY = -5;

/** The sites have machines of their own, and are not to wait for an engine that is at work on this one; for whoever may. */
function goFirst(): void {
  try {
    setPriority(SITES_PRIORITY);
  } catch {
    // Only root takes more than its share.
  }
}

if (require.main === module) {
  goFirst();
  const folder = process.argv[2];
  if (!folder) throw new Error("usage: daemon <folder>");
  runDaemon(folder).catch((error: unknown) => {
    process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
    process.exit(1);
  });
}
