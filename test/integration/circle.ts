import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, expect, vi } from "vitest";
import { RecoveryPoints } from "../../automation/probes/recovery-points";
import { addressesOf } from "../../automation/probes/resolver";
import type { SiteStatus, Status } from "../../automation/status";
import { Workspace } from "../../automation/pulumi/workspace";
import { loadTopology } from "../../stacks/topology-file";
import { DATABASE_APP, namesFor } from "../../topology/names";
import type { SiteName, Topology } from "../../topology/schema";
import type { accountOfMoves } from "../../lab/clients/account";
import { readLedger } from "../../lab/clients/ledger";
import { askLab } from "../../lab/control";
import { Clients } from "../../lab/drill/clients";
import { DirectWrites, type DirectTargets } from "../../lab/drill/direct-writes";
import { labFiles, labFolder } from "../../lab/folder";
import type { LabStatus } from "../../lab/status";
import { ROOT, changeover, clean, labUp, type Ended } from "./command";

/** Who is what between two changeovers. */
export interface Roles {
  active: SiteName;
  standby: SiteName;
  epoch: number;
}

/** The ways past DNS to a site's data: its load balancer, and each of its databases. */
export type Doors = Record<SiteName, DirectTargets[]>;

/** How long a site may take to answer after its region is back, or its pods after a changeover. */
const ANSWER_MS = 60_000;
/** How long doors are tried beyond their first answer. */
const TRY_MS = 300;

/** For a file of tests: one circle, ready before each of them, and its lab down after the last. */
export function readyCircle(): { lab: () => Circle; roles: () => Roles; after: () => Roles } {
  let ready: Awaited<ReturnType<typeof Circle.ready>> | undefined;
  beforeEach(async () => {
    ready = await Circle.ready(ready?.circle);
  });
  afterAll(async () => {
    await ready?.circle.clients.stop();
    await changeover(["lab", "down"]);
  });
  const now = () => {
    if (!ready) throw new Error("no lab");
    return ready;
  };
  return {
    lab: () => now().circle,
    roles: () => now().roles,
    after: () => {
      const { active, standby, epoch } = now().roles;
      return { active: standby, standby: active, epoch: epoch + 1 };
    },
  };
}

/** A lab whose service goes round between its two warm sites, with clients that write all the time. */
export class Circle {
  private constructor(
    readonly env: Record<string, string>,
    readonly topology: Topology,
    readonly workspace: Workspace,
    readonly clients: Clients,
  ) {}

  /** @param args more of the command line of `lab up` */
  static async up(args: readonly string[] = []): Promise<Circle> {
    await changeover(["lab", "down"]);
    const env = await labUp(args);
    // What this process asks is asked of the lab, too.
    Object.assign(process.env, env);
    const topology = loadTopology(join(ROOT, "topology.yaml"));
    const clients = new Clients(labFiles(labFolder()).ledger, topology, env);
    return new Circle(env, topology, await Workspace.open(ROOT, "lab"), clients);
  }

  /** The service protected, and clients that write. Whatever a case before left is finished; where it cannot be, the lab is a new one. */
  static async ready(before: Circle | undefined, args: readonly string[] = []): Promise<{ circle: Circle; roles: Roles }> {
    const ready = async (circle: Circle): Promise<{ circle: Circle; roles: Roles }> => {
      const roles = await circle.protect();
      await circle.write();
      return { circle, roles };
    };
    if (before) {
      try {
        return await ready(before);
      } catch (error) {
        process.stderr.write(`a new lab, as the one before could not be brought to rest: ${(error as Error).message}\n`);
      }
    }
    return ready(await Circle.up(args));
  }

  /** Ends what a case began beside changeovers. */
  async calm(): Promise<void> {
    await this.clients.stop();
    await askLab("POST", "/chaos/end", {}, ANSWER_MS);
    const { regions } = await askLab<LabStatus>("GET", "/status");
    for (const { site, outage } of regions) if (outage) await this.heal(site);
  }

  async lose(site: SiteName): Promise<void> {
    await askLab("POST", "/outage", { region: site, mode: "stop" }, ANSWER_MS);
  }

  /** Brings a region back and waits until its database and its cluster answer. */
  async heal(site: SiteName): Promise<void> {
    await askLab("POST", "/heal", { region: site }, ANSWER_MS);
    const { regions } = await askLab<LabStatus>("GET", "/status");
    const lost = regions.flatMap((region) => (region.outage ? [region.site] : []));
    await vi.waitFor(
      async () => {
        const found = (await this.status(lost)).sites.find(({ name }) => name === site);
        if (found?.role === "dormant") return;
        expect(found?.databaseDetail).toBeUndefined();
        expect(found?.workloadsDetail).toBeUndefined();
      },
      { timeout: ANSWER_MS, interval: 500 },
    );
  }

  /** Waits until a cold site has a copy of the active one's database. */
  async copied(cold: SiteName, active: SiteName): Promise<void> {
    const generation = (await this.workspace.outputs(active))["generation"] as number;
    const names = namesFor(this.topology, "lab");
    const points = new RecoveryPoints(names.site(cold).region);
    try {
      await vi.waitFor(
        async () => {
          const found = await points.in(names.site(cold).vault, names.site(active).databaseArn(generation));
          expect(found.length).toBeGreaterThan(0);
        },
        { timeout: 240_000, interval: 1_000 },
      );
    } finally {
      points.close();
    }
  }

  async status(skip: SiteName[] = []): Promise<Status> {
    const { code, stdout, stderr } = await changeover(
      ["status", "--json", ...(skip.length > 0 ? ["--skip", skip.join(",")] : [])],
      this.env,
    );
    if (code !== 0) throw new Error(`status ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as Status;
  }

  /** The command, which has to succeed. @returns its report */
  async done<T>(args: string[], env = this.env): Promise<T> {
    const ended = await changeover([...args, "--yes", "--json"], env);
    expect(ended.code, `changeover ${args.join(" ")}: ${ended.stderr}`).toBe(0);
    return JSON.parse(ended.stdout) as T;
  }

  async fails(args: string[], code: number, env = this.env): Promise<Ended> {
    const ended = await changeover([...args, "--yes", "--json"], env);
    expect([ended.code, ended.stderr], `changeover ${args.join(" ")}`).toEqual([code, expect.any(String)]);
    return ended;
  }

  /**
   * One writer at the active site, a standby that could take over, nothing under way and nothing left behind.
   * @param previewed stacks whose preview must show no change
   */
  async expectProtected(roles: Roles, previewed = [roles.active, roles.standby, "data"]): Promise<void> {
    const { active, standby, epoch } = roles;
    await this.expectSites(roles, { role: "standby", database: "replica", traffic: false });
    await this.expectAtRest(roles, previewed);
    const activation = { activeSite: active, epoch: String(epoch), capacity: undefined, confirmedUntil: undefined, discard: undefined };
    expect(await this.settings(active)).toMatchObject({ ...activation, protectedBy: standby });
    expect(await this.settings(standby)).toMatchObject({ ...activation, protectedBy: undefined });
    expect(await this.settings("data")).toMatchObject({ activeSite: active, epoch: String(epoch) });
  }

  /** The same after a planned move: the site that was left is fenced, without pods, its database kept. */
  async expectLeft(roles: Roles): Promise<void> {
    const { active, standby, epoch } = roles;
    await this.expectSites(roles, { role: "fenced", database: "primary", writes: "fenced", traffic: false, tiers: this.noPods() });
    await this.expectAtRest(roles, [active, standby, "data"]);
    const activation = { activeSite: active, epoch: String(epoch), capacity: undefined, confirmedUntil: undefined, protectedBy: undefined };
    for (const site of [active, standby]) expect(await this.settings(site), site).toMatchObject(activation);
    expect(await this.settings(standby)).toMatchObject({ retained: expect.any(String) });
    expect(await this.settings("data")).toMatchObject({ activeSite: active, epoch: String(epoch) });
  }

  /** The same after a failover, while the site that was left is lost. */
  async expectFailedOver(roles: Roles): Promise<void> {
    const { active, standby, epoch } = roles;
    await this.expectSites(roles, { role: "fenced", database: "unreachable", traffic: false }, [standby]);
    await this.expectAtRest({ ...roles, lost: [standby] }, [active, "data"]);
    expect(await this.settings(active)).toMatchObject({
      activeSite: active,
      epoch: String(epoch),
      capacity: undefined,
      confirmedUntil: expect.any(String),
    });
    expect(await this.settings("data")).toMatchObject({ activeSite: active, epoch: String(epoch) });
  }

  /** Ways to the data of sites as they are now, databases that were left included. */
  async doors(sites: SiteName[]): Promise<Doors> {
    const { CHANGEOVER_PORT: port, NODE_EXTRA_CA_CERTS: caFile = "" } = this.env;
    const found = sites.map(async (site): Promise<[SiteName, DirectTargets[]]> => {
      const [[address], outputs, secrets] = await Promise.all([
        addressesOf(`${site}.${this.topology.domain}`),
        this.workspace.outputs(site),
        this.workspace.secrets(site),
      ]);
      if (address === undefined) throw new Error(`the load balancer of ${site} has no address`);
      const { name, ...live } = outputs["database"] as { address: string; port: number; name: string };
      const left = (outputs["retained"] ?? []) as { address: string; port: number }[];
      const databases = [live, ...left.filter((other) => other.address !== live.address)];
      const paths = this.topology.tiers.flatMap(({ services }) => Object.values(services).map(({ path }) => path));
      const balancer = { address, port: Number(port), name: `app.${this.topology.domain}`, ca: readFileSync(caFile, "utf8"), paths };
      const login = { user: DATABASE_APP, password: secrets["appPassword"], ssl: { ca: secrets["databaseCa"] }, database: name };
      return [site, databases.map((database) => ({ site, balancer, database: { ...login, host: database.address, port: database.port } }))];
    });
    return Object.fromEntries(await Promise.all(found));
  }

  /**
   * Sites that take a write at any of their doors; a site with two databases that do, twice.
   * @param waitMs how long each door may take to answer at all, if only with a refusal; one that does not is no writer
   */
  async writers(doors: Doors, waitMs = 1_000): Promise<{ takes: SiteName[]; silent: SiteName[] }> {
    const tried = Object.entries(doors).map(async ([site, targets]) => {
      const attempts = targets.map((target) => new DirectWrites(target));
      const until = performance.now() + waitMs;
      while (attempts.some(({ answered }) => !answered) && performance.now() < until) await sleep(50);
      await sleep(TRY_MS);
      const silent = attempts.some(({ answered }) => !answered);
      const seen = await Promise.all(attempts.map((attempt) => attempt.stop()));
      const databases = seen.filter(({ outcomes }) => (outcomes["database: accepted"] ?? 0) > 0).length;
      return { site, silent, takes: Math.max(databases, seen.some(({ accepted }) => accepted > 0) ? 1 : 0) };
    });
    const found = await Promise.all(tried);
    return {
      takes: found.flatMap(({ site, takes }) => Array<SiteName>(takes).fill(site)),
      silent: found.flatMap(({ site, silent }) => (silent ? [site] : [])),
    };
  }

  /** Ends the clients' run. @returns what they were told, held against what the active site's database has */
  async account(roles: Roles, since: number): Promise<ReturnType<typeof accountOfMoves>> {
    await this.clients.stop();
    const { active, epoch } = roles;
    return this.clients.account(this.workspace, active, [{ epoch, to: active, at: since }]);
  }

  /** Nothing that was acknowledged is lost, nothing was written twice, and the clients were served by the active site. */
  async expectNothingLost(roles: Roles, since: number): Promise<void> {
    const { total, moves } = await this.account(roles, since);
    expect({ lost: total.lostKeys, duplicated: total.duplicated, elsewhere: moves[0]?.elsewhere }).toEqual({
      lost: [],
      duplicated: 0,
      elsewhere: 0,
    });
    this.expectServedBy(roles);
  }

  expectServedBy({ active, epoch }: Roles): void {
    const last = readLedger(labFiles(labFolder()).ledger)
      .filter(({ outcome }) => outcome === "acknowledged")
      .at(-1);
    expect(last).toMatchObject({ site: active, epoch });
  }

  private async protect(): Promise<Roles> {
    await this.calm();
    if ((await this.status()).changeover) await this.done(["resume"]);
    const { activeSite: active, epoch, sites } = await this.status();
    const standby = Object.keys(this.topology.sites).find((site) => site !== active && this.topology.sites[site]?.standby === "warm");
    if (standby === undefined) throw new Error("the topology has no second warm site");
    const left = sites.find(({ name }) => name === standby);
    if (left?.role === "fenced" || left?.followsLeft) await this.done(["reprotect", "--site", standby]);
    const roles = { active, standby, epoch };
    await this.expectSites(roles, { role: "standby", database: "replica", traffic: false });
    return roles;
  }

  private async write(): Promise<void> {
    await this.clients.start();
    await vi.waitFor(
      () => {
        expect(this.clients.acknowledged()).toBeGreaterThan(50);
      },
      { timeout: 20_000, interval: 250 },
    );
  }

  private async expectSites({ active, standby, epoch }: Roles, other: Partial<SiteStatus>, skip: SiteName[] = []): Promise<void> {
    await vi.waitFor(
      async () => {
        const { sites, ...status } = await this.status(skip);
        expect(status).toMatchObject({ activeSite: active, epoch, changeover: null });
        const of = (site: SiteName): SiteStatus | undefined => sites.find(({ name }) => name === site);
        expect(of(active)).toMatchObject({ role: "active", epoch, database: "primary", writes: "open", traffic: true });
        expect(of(standby)).toMatchObject(other);
        for (const { ready, wanted } of sites.flatMap(({ tiers }) => tiers)) expect(ready).toBe(wanted);
      },
      { timeout: ANSWER_MS, interval: 250 },
    );
  }

  private async expectAtRest({ active, standby, lost = [] }: Roles & { lost?: SiteName[] }, previewed: string[]): Promise<void> {
    const doors = await this.doors([active, standby].filter((site) => !lost.includes(site)));
    expect(await this.writers(doors, 10_000)).toEqual({ takes: [active], silent: [] });
    expect(await this.leftBehind()).toEqual({ locks: [], pending: [] });
    const previews = await Promise.all(previewed.map(async (part) => [part, await clean(`lab-${part}`, this.env)]));
    expect(Object.fromEntries(previews)).toEqual(Object.fromEntries(previewed.map((part) => [part, "clean"])));
  }

  /** What a changeover may not leave in the state. */
  private async leftBehind(): Promise<{ locks: string[]; pending: string[] }> {
    const folder = join(labFiles(labFolder()).state, ".pulumi", "locks");
    const locks = existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : [];
    const parts = [...Object.keys(this.topology.sites), "edge", "data"];
    const pending = await Promise.all(parts.map((part) => this.workspace.pendingOperations(part)));
    return {
      locks: locks.filter((name) => name.endsWith(".json")),
      pending: pending.flat().map(({ type, resource }) => `${type} ${resource.urn}`),
    };
  }

  /** Config in plain text; a key that is missing is `undefined`, so that it can be asked for as such. */
  private async settings(part: string): Promise<Record<string, string | undefined>> {
    const keys = ["capacity", "confirmedUntil", "discard", "protectedBy"];
    return { ...Object.fromEntries(keys.map((key) => [key, undefined])), ...(await this.workspace.settings(part)) };
  }

  private noPods(): SiteStatus["tiers"] {
    return this.topology.tiers.map(({ tier }) => ({ tier, ready: 0, wanted: 0 }));
  }
}
