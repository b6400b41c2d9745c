import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { copiesLate, integrity, replicaLag, serving, storageLeft, type AlarmSpec } from "../components/alarm-specs";
import { Alarms } from "../components/alarms";
import { Archive } from "../components/archive";
import { BackupPlan } from "../components/backup-plan";
import { BackupRole } from "../components/backup-role";
import { Backups } from "../components/backups";
import { Balancer } from "../components/balancer";
import { there } from "../components/batches";
import { ControlBucket } from "../components/control-bucket";
import { Database, type Generation, type RetainedDatabase } from "../components/database";
import { Guard } from "../components/guard";
import { GuardRole } from "../components/guard-role";
import { Keys } from "../components/keys";
import { known } from "../components/known";
import { Network } from "../components/network";
import { Quotas } from "../components/quotas";
import { Storage, type CopyTarget } from "../components/storage";
import { SwitchBucket } from "../components/switch-bucket";
import { TakeoverSwitch } from "../components/takeover-switch";
import { planWorkloads } from "../components/workload-plan";
import { Workloads } from "../components/workloads";
import { DAY, MINUTE } from "../topology/duration";
import { rpoOfCopies, timeControlled } from "../topology/replication";
import { bornAsCopy, takeoverSwitchOn, sitesThatAre } from "../topology/roles";
import { LONGEST_RETENTION, type SiteName } from "../topology/schema";
import { readSiteConfig } from "./config";
import { regionProvider, type Context } from "./context";
import { reachedBy, refuseLostDatabase, refuseStaleEpoch } from "./epoch";

/**
 * One site, in whatever role the config gives it. Active and standby differ in five places: what the database streams
 * from, the pods' environment and number, where the buckets are copied to, the takeover switch, and whether the database
 * is backed up. A fenced site has no database but those that it left.
 * @throws BadInput for a config that does not hold together
 */
export async function site(context: Context, name: SiteName): Promise<Record<string, unknown>> {
  const { topology, names: all } = context;
  const definition = topology.sites[name];
  if (!definition) throw new RangeError(`no site ${name} in the topology`);
  const { activation, role, certificateArn, databases: kept, running } = readSiteConfig(topology, name);
  const reached = await reachedBy(context, name);
  refuseStaleEpoch(reached, activation);
  refuseLostDatabase(reached, role, kept);
  const names = all.site(name);
  const { account } = topology;
  const { healthPath } = topology.traffic;
  const podsFirst = context.gate?.podsFirst === true;
  const aws = regionProvider(context, definition.region, name);
  const made: pulumi.Resource[] = [];
  const note: pulumi.ResourceTransformation = ({ resource }) => void made.push(resource);
  const inRegion: pulumi.ComponentResourceOptions = { providers: { aws }, ...(context.gate && { transformations: [note] }) };

  const network = new Network("network", { names, cidr: definition.network }, inRegion);
  const { keyArn } = new Keys("keys", { names, account }, inRegion);
  const others = Object.keys(topology.sites).filter((other) => other !== name);
  const otherWarmSites = sitesThatAre("warm", topology).filter((other) => other !== name);
  const guards = others.map((other) => all.site(other).guardRoleArn);

  const planned = planWorkloads(topology, role, running?.capacity);
  const tiers = running ? planned : [];
  const services = planned.flatMap(({ tier, services: ofTier }) => ofTier.map((service) => ({ ...service, tier })));
  /** What no role makes a difference to, and the database does without. */
  const around = async (): Promise<{ balancer: Balancer; ownBuckets: Record<"switch" | "control", pulumi.Output<string>> }> => {
    new Quotas("quotas", { quotas: topology.quotas }, inRegion);
    const { bucket: switchBucket } = new SwitchBucket("switch", { names, account, guards }, inRegion);
    const { bucket: controlBucket } = new ControlBucket("control", { names, keyArn }, inRegion);
    const balancer = new Balancer(
      "balancer",
      {
        names,
        vpcId: network.vpcId,
        subnetIds: network.publicSubnetIds,
        securityGroupId: network.balancerSecurityGroupId,
        certificateArn,
        routes: services.map(({ name: service, path, tier }) => ({ service, path, tier })),
        healthPath,
      },
      inRegion,
    );
    await balancer.complete;
    return { balancer, ownBuckets: { switch: switchBucket, control: controlBucket } };
  };
  const outputs = ({ balancer: { arn, dnsName, zoneId } }: Awaited<ReturnType<typeof around>>) => ({
    site: name,
    role,
    activeSite: activation.activeSite,
    epoch: activation.epoch,
    region: definition.region,
    loadBalancer: { arn, dnsName, zoneId },
  });

  const placeOf = ({ subnets, parameters }: Database["groups"]) => ({
    subnetGroup: subnets,
    parameterGroup: parameters,
    securityGroupId: network.databaseSecurityGroupId,
  });

  const { buckets, archiveClass } = topology.storage;
  const archiveAfterDays = topology.storage.archiveAfter / DAY;
  const lockDays = topology.storage.lockFor / DAY;
  const late = lateCopies(context, name, otherWarmSites);

  const { database: definitionOfDatabase } = topology;
  const databaseArgs = {
    names,
    engineVersion: definitionOfDatabase.engineVersion,
    leaseMs: topology.guard.lease,
    instanceClass: definitionOfDatabase.instanceClass,
    backupRetentionDays: definitionOfDatabase.backupRetention / DAY,
    subnetIds: network.privateSubnetIds,
    securityGroupId: network.databaseSecurityGroupId,
    keyArn,
  };

  const keepDays = { least: topology.backups.retention / DAY, most: LONGEST_RETENTION / DAY };
  const cold = definition.standby === "cold";
  // What arrives at a cold site arrives whatever it does.
  const backups = (): Backups =>
    new Backups(
      "backups",
      { names, keyArn, keepDays, account, ...(cold && { copiesOf: otherWarmSites.map((other) => all.site(other)) }) },
      inRegion,
    );
  const archive = cold
    ? new Archive("archive", { names, buckets, keyArn, storageClass: archiveClass, afterDays: archiveAfterDays, lockDays }, inRegion)
    : undefined;
  const looks = cold ? [integrity(all.audit, (2 * topology.backups.verifyInterval) / MINUTE)] : [];
  const target = (other: SiteName): CopyTarget => ({ names: all.site(other), timeControlled: timeControlled(topology, other) });
  const storage = (): Storage =>
    new Storage(
      "storage",
      {
        names,
        buckets,
        otherSites: otherWarmSites.map((other) => all.site(other)),
        ...(role === "active" && running?.protectedBy !== undefined && { copyTo: target(running.protectedBy) }),
        archives: others
          .filter((other) => !otherWarmSites.includes(other))
          .map((other) => ({ ...target(other), ...(archiveAfterDays === 0 && { storageClass: archiveClass }) })),
        lockDays,
        keyArn,
        account,
      },
      inRegion,
    );
  const generation = (count: number, password?: pulumi.Output<string>): Generation => ({
    generation: count,
    ...(!bornAsCopy(topology, name, count) &&
      password && {
        origin: { databaseName: definitionOfDatabase.name, storageGb: definitionOfDatabase.storageGb, password },
      }),
  });
  const retained = (password?: pulumi.Output<string>): RetainedDatabase[] =>
    kept.retained.map((left) => ({ ...generation(left, password), discard: kept.discard && left < kept.generation }));
  const coldSites = sitesThatAre("cold", topology)
    .filter((other) => other !== name)
    .map((other) => all.site(other));
  // A dormant site has its roles too: IAM changes nothing while its own region is lost.
  const guardRole = (): GuardRole => new GuardRole("guard", { names, others: others.map((other) => all.site(other)) }, inRegion);
  const backupRole = (): BackupRole => new BackupRole("backup", { names, copyTo: coldSites, keyArn, account }, inRegion);
  if (!running) {
    const { vaultArn } = backups();
    guardRole();
    backupRole();
    new Alarms("alarms", { prefix: names.prefix, keyArn, alarms: [...late, ...looks] }, inRegion);
    // Empty while nobody works here; to take buckets away again that objects were locked in, nobody can.
    storage();
    // What a copy is restored into, to be looked at or to be worked with; it costs nothing.
    const { groups, retained: left } = new Database("database", { ...databaseArgs, retained: retained() }, inRegion);
    const surroundings = await around();
    return {
      ...outputs(surroundings),
      generation: kept.generation,
      retained: left,
      databaseIn: placeOf(groups),
      vault: vaultArn,
      buckets: surroundings.ownBuckets,
      archives: archive?.buckets,
    };
  }

  const held = context.gate && podsFirst ? context.gate.before("rest").then(around) : around();
  // Whoever waits for it is told.
  held.catch(() => undefined);
  if (!podsFirst) {
    await held;
    // Whoever stands at the gate may count on it that the engine has nothing left to do from before.
    await Promise.all(made.map(there));
  }
  await context.gate?.before("database");

  const active = role === "active";
  const databases = new Database(
    "database",
    {
      ...databaseArgs,
      ...(role !== "fenced" && {
        live: {
          ...generation(kept.generation, running.databasePassword),
          ...(!active && { replicaOf: all.site(activation.activeSite).databaseArn(running.sourceGeneration) }),
          promotedElsewhere: context.gate !== undefined,
          ...(running.adopt !== undefined && { adopted: running.adopt }),
          ...(running.snapshot !== undefined && { snapshot: running.snapshot }),
        },
      }),
      retained: retained(running.databasePassword),
    },
    inRegion,
  );
  const database = databases.current;
  if (!database) throw new RangeError(`${name} has neither a live database nor a retained one`);

  const cluster = new kubernetes.Provider("cluster", {
    kubeconfig: running.kubeconfig,
    // A config map or secret that changes is changed, not deleted and made anew with no pod able to start in between.
    enableConfigMapMutable: true,
    enableSecretMutable: true,
    enableServerSideApply: true,
  });
  const databaseAccess = {
    host: database.address,
    port: database.port,
    name: definitionOfDatabase.name,
    ...(running.databaseCa !== undefined && { ca: running.databaseCa }),
  };
  const workloads = new Workloads(
    "workloads",
    {
      namespace: all.namespace,
      site: name,
      role,
      epoch: activation.epoch,
      writes: running.writes,
      tiers,
      database: { ...databaseAccess, password: running.appPassword },
      cidr: definition.network,
      ...(context.gate && podsFirst && { podsFirst: context.gate.before("rest") }),
      targetGroupArns: Object.fromEntries(
        services.map((service) => [
          service.name,
          pulumi.output(held.then(({ balancer }) => known(balancer.targetGroups, service.name).arn)),
        ]),
      ),
    },
    { providers: { kubernetes: cluster } },
  );
  new Guard(
    "guard",
    {
      namespace: workloads.namespace,
      partOf: all.namespace,
      site: name,
      role,
      epoch: activation.epoch,
      image: topology.guard.image,
      intervalMs: topology.guard.interval,
      leaseMs: topology.guard.lease,
      ...(running.confirmedUntil !== undefined && { confirmedUntil: running.confirmedUntil }),
      database: { ...databaseAccess, password: running.databasePassword },
      ownSwitch: { region: names.region, bucket: names.switchBucket },
      others: others.map((other) => {
        const { region, switchBucket: bucket } = all.site(other);
        return { site: other, region, bucket };
      }),
      cidr: definition.network,
    },
    { providers: { kubernetes: cluster } },
  );

  await workloads.complete;
  await context.gate?.before("rest");
  const surroundings = await held;
  const { balancer, ownBuckets } = surroundings;

  guardRole();
  const { buckets: ownObjects } = storage();

  // Traffic comes once the calls that save lives and money are answered; tiers 2 and 3 need not hold it back.
  const takeover = takeoverSwitchOn(role)
    ? new TakeoverSwitch(
        "takeover",
        { bucket: ownBuckets.switch, activation, after: [databases, ...workloads.tiers.slice(0, 2)] },
        inRegion,
      )
    : undefined;

  const { vault, vaultArn } = backups();
  const { arn: roleArn } = backupRole();
  // Behind the switch: whoever waits for the tiers 0 and 1 does not wait for this.
  if (takeover) {
    new BackupPlan(
      "backup",
      {
        names,
        databaseArn: database.arn,
        vault,
        roleArn,
        intervalMs: topology.backups.interval,
        keepDays: keepDays.least,
        copyTo: coldSites.map((site) => ({ names: site, keepDays: topology.backups.coldRetention / DAY })),
        after: [takeover],
      },
      inRegion,
    );
  }

  new Alarms(
    "alarms",
    {
      prefix: names.prefix,
      keyArn,
      alarms: [
        replicaLag(database.identifier, definitionOfDatabase.maxLag / 1_000),
        storageLeft(database.identifier, Math.ceil(definitionOfDatabase.storageGb / 10)),
        ...late,
        ...looks,
        ...tiers
          .slice(0, 2)
          .flatMap((tier) => tier.services)
          .flatMap((service) => {
            const group = balancer.targetGroups[service.name];
            return group ? [serving(service.name, group.arnSuffix, balancer.arnSuffix)] : [];
          }),
      ],
    },
    inRegion,
  );

  // What the site says of itself is written last: after an update that failed on the way, it is still in the epoch before.
  const done = pulumi.all([
    database.address,
    ...databases.snapshots.map(({ urn }) => urn),
    takeover?.key,
    ...workloads.tiers.flatMap(({ deployments }) => deployments.map(({ urn }) => urn)),
  ]);
  return {
    ...outputs(surroundings),
    role: done.apply(() => role),
    activeSite: done.apply(() => activation.activeSite),
    epoch: done.apply(() => activation.epoch),
    generation: done.apply(() => kept.generation),
    ...(role === "standby" && { sourceGeneration: done.apply(() => running.sourceGeneration) }),
    retained: databases.retained,
    databaseIn: placeOf(databases.groups),
    database: { identifier: database.identifier, address: database.address, port: database.port, name: definitionOfDatabase.name },
    vault: vaultArn,
    namespace: workloads.namespace,
    tiers: tiers.map(({ tier, services }) => ({ tier, services: services.map((service) => service.name) })),
    buckets: { ...ownBuckets, ...ownObjects },
    ...(archive && { archives: archive.buckets }),
  };
}

/** Alarms of a site for what should arrive in its buckets, where copies to it have a time to keep. They are the same in every role. */
function lateCopies({ topology, names: all }: Context, name: SiteName, sources: SiteName[]): AlarmSpec[] {
  const rpo = timeControlled(topology, name) ? rpoOfCopies(topology, name) : undefined;
  if (rpo === undefined) return [];
  const names = all.site(name);
  const kept = (short: string): string => (topology.sites[name]?.standby === "cold" ? names.archive(short) : names.bucket(short));
  return sources.flatMap((from) =>
    topology.storage.buckets.map((short) =>
      copiesLate(from, { short, source: all.site(from).bucket(short), destination: kept(short) }, names.copyRule, rpo / 1_000),
    ),
  );
}
