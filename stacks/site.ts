import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { replicaLag, serving, storageLeft } from "../components/alarm-specs";
import { Alarms } from "../components/alarms";
import { ARCHIVE, Backups } from "../components/backups";
import { Balancer } from "../components/balancer";
import { ControlBucket } from "../components/control-bucket";
import { Database } from "../components/database";
import { Keys } from "../components/keys";
import { Network } from "../components/network";
import { Storage } from "../components/storage";
import { SwitchBucket } from "../components/switch-bucket";
import { TakeoverSwitch } from "../components/takeover-switch";
import { planWorkloads } from "../components/workload-plan";
import { Workloads } from "../components/workloads";
import { bornAsReplica, takeoverSwitchOn } from "../topology/roles";
import type { SiteName } from "../topology/schema";
import { readSiteConfig } from "./config";
import { regionProvider, type Context } from "./context";
import { refuseStaleEpoch } from "./epoch";

const DAY = 86_400_000;

/**
 * One site, in whatever role the config gives it. Active and standby differ in four places: what the database streams
 * from, the pods' environment and number, where the buckets are copied to, and the takeover switch.
 * @throws BadInput for a config that does not hold together
 */
export async function site(context: Context, name: SiteName): Promise<Record<string, unknown>> {
  const { topology, names: all } = context;
  const definition = topology.sites[name];
  if (!definition) throw new RangeError(`no site ${name} in the topology`);
  const { activation, role, certificateArn, warm } = readSiteConfig(topology, name);
  await refuseStaleEpoch(context, name, activation);
  const names = all.site(name);
  const { account } = topology;
  const { healthPath } = topology.traffic;
  const aws = regionProvider(context, definition.region, name);
  const inRegion: pulumi.ComponentResourceOptions = { providers: { aws } };

  const network = new Network("network", { names, cidr: definition.network }, inRegion);
  const { keyArn } = new Keys("keys", { names, account }, inRegion);
  const { bucket: switchBucket } = new SwitchBucket("switch", { names }, inRegion);
  const { bucket: controlBucket } = new ControlBucket("control", { names, keyArn }, inRegion);

  const tiers = warm ? planWorkloads(topology, role) : [];
  const balancer = new Balancer(
    "balancer",
    {
      names,
      vpcId: network.vpcId,
      subnetIds: network.publicSubnetIds,
      securityGroupId: network.balancerSecurityGroupId,
      certificateArn,
      routes: tiers.flatMap((tier) => tier.services.map((service) => ({ service: service.name, path: service.path }))),
      healthPath,
    },
    inRegion,
  );
  const outputs = {
    site: name,
    role,
    activeSite: activation.activeSite,
    epoch: activation.epoch,
    region: definition.region,
    loadBalancer: { arn: balancer.arn, dnsName: balancer.dnsName, zoneId: balancer.zoneId },
  };
  const ownBuckets = { switch: switchBucket, control: controlBucket };

  if (!warm) {
    const backups = new Backups("backups", { names, keyArn, archiveAfterDays: topology.storage.archiveAfter / DAY }, inRegion);
    return { ...outputs, vault: backups.vaultArn, buckets: { ...ownBuckets, [ARCHIVE]: backups.archive } };
  }

  const { database: definitionOfDatabase } = topology;
  const active = role === "active";
  const database = new Database(
    "database",
    {
      names,
      generation: warm.generation,
      engineVersion: definitionOfDatabase.engineVersion,
      instanceClass: definitionOfDatabase.instanceClass,
      backupRetentionDays: definitionOfDatabase.backupRetention / DAY,
      subnetIds: network.privateSubnetIds,
      securityGroupId: network.databaseSecurityGroupId,
      keyArn,
      ...(!active && { replicaOf: all.site(activation.activeSite).databaseArn(warm.sourceGeneration) }),
      ...(!bornAsReplica(topology, name, warm.generation) && {
        origin: {
          databaseName: definitionOfDatabase.name,
          storageGb: definitionOfDatabase.storageGb,
          password: warm.databasePassword,
        },
      }),
    },
    inRegion,
  );

  const otherWarmSites = Object.keys(topology.sites).filter((other) => other !== name && topology.sites[other]?.standby === "warm");
  const storage = new Storage(
    "storage",
    {
      names,
      buckets: topology.storage.buckets,
      otherSites: otherWarmSites.map((other) => all.site(other)),
      keyArn,
      account,
      ...(active && warm.protectedBy !== undefined && { copyTo: all.site(warm.protectedBy) }),
    },
    inRegion,
  );

  const cluster = new kubernetes.Provider("cluster", {
    kubeconfig: warm.kubeconfig,
    // A config map or secret that changes is changed, not deleted and made anew with no pod able to start in between.
    enableConfigMapMutable: true,
    enableSecretMutable: true,
    enableServerSideApply: true,
  });
  const workloads = new Workloads(
    "workloads",
    {
      namespace: all.namespace,
      site: name,
      role,
      epoch: activation.epoch,
      writes: warm.writes,
      tiers,
      database: {
        host: database.address,
        port: database.port,
        name: definitionOfDatabase.name,
        password: warm.appPassword,
        ...(warm.databaseCa !== undefined && { ca: warm.databaseCa }),
      },
      cidr: definition.network,
      targetGroupArns: Object.fromEntries(Object.entries(balancer.targetGroups).map(([service, group]) => [service, group.arn])),
    },
    { providers: { kubernetes: cluster } },
  );

  // Traffic comes once the calls that save lives and money are answered; tiers 2 and 3 need not hold it back.
  const takeover = takeoverSwitchOn(topology, name, role)
    ? new TakeoverSwitch("takeover", { bucket: switchBucket, activation, after: [database, ...workloads.tiers.slice(0, 2)] }, inRegion)
    : undefined;

  new Alarms(
    "alarms",
    {
      prefix: names.prefix,
      keyArn,
      alarms: [
        replicaLag(database.identifier, definitionOfDatabase.maxLag / 1_000),
        storageLeft(database.identifier, Math.ceil(definitionOfDatabase.storageGb / 10)),
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
  const reached = pulumi.all([
    database.address,
    takeover?.key,
    ...workloads.tiers.flatMap(({ deployments }) => deployments.map(({ urn }) => urn)),
  ]);
  return {
    ...outputs,
    role: reached.apply(() => role),
    activeSite: reached.apply(() => activation.activeSite),
    epoch: reached.apply(() => activation.epoch),
    database: { identifier: database.identifier, address: database.address, port: database.port, name: definitionOfDatabase.name },
    namespace: workloads.namespace,
    tiers: tiers.map(({ tier, services }) => ({ tier, services: services.map((service) => service.name) })),
    buckets: { ...ownBuckets, ...storage.buckets },
  };
}
