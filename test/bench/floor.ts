import { randomInt } from "node:crypto";
import { Resolver } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateDBInstanceReadReplicaCommand,
  DBInstanceNotFoundFault,
  DeleteDBInstanceCommand,
  DescribeDBInstancesCommand,
  PromoteReadReplicaCommand,
  RDSClient,
} from "@aws-sdk/client-rds";
import { AppsV1Api, CoreV1Api, KubeConfig, V1Pod } from "@kubernetes/client-node";
import { databaseOf, asAdmin } from "../../automation/changeover/sites";
import { Objects } from "../../automation/objects";
import { probeDatabase, type DatabaseAddress } from "../../automation/probes/database";
import { TAKEOVER_KEY, takeoverContent } from "../../topology/names";
import type { BenchLab } from "./lab";
import { median } from "./statistics";

/** What no failover can do without, each measured alone, by the API and not by a command that has to start first. Milliseconds. */
export interface FloorTimes {
  /** `PromoteReadReplica` of a replica that has everything, until it is out of recovery. */
  promotionMs: number;
  /** A pod of the service that is verified, from its creation until it is ready. */
  readyPodMs: number;
  /** From the takeover switch to the moment from which nobody who keeps DNS's answers as long as they live is led to the old site. */
  ttlMs: number;
  /** An update of the standby's stack that changes nothing, by a process that has loaded all it needs: what Pulumi takes. */
  updateMs: number;
}

export interface Floor {
  promotionMs: number[];
  readyPodMs: number[];
  ttlMs: number[];
  updateMs: number[];
  /** The least that a failover takes where what can go on at once does; from the medians. */
  floorMs: number;
  /** The three one after the other, as a runbook has them; from the medians. */
  inSequenceMs: number;
}

/**
 * A pod becomes ready in its new role only once the database takes writes, so those two follow each other; the switch is an
 * object that can be written at the first moment, so DNS turns beside them.
 */
export function floorOf(times: readonly FloorTimes[]): Floor {
  const promotionMs = times.map((time) => time.promotionMs);
  const readyPodMs = times.map((time) => time.readyPodMs);
  const ttlMs = times.map((time) => time.ttlMs);
  const updateMs = times.map((time) => time.updateMs);
  const [promotion, pod, ttl] = [median(promotionMs), median(readyPodMs), median(ttlMs)];
  return { promotionMs, readyPodMs, ttlMs, updateMs, floorMs: Math.max(promotion + pod, ttl), inSequenceMs: promotion + pod + ttl };
}

/** Measures the three. The service has to be at home, which DNS asks first, and nothing else may go on. */
export async function measureFloor(lab: BenchLab): Promise<FloorTimes> {
  const shown = (ms: number): string => `${Math.round(ms)} ms`;
  return {
    promotionMs: await lab.step("Floor: a promotion", () => promotion(lab), shown),
    readyPodMs: await lab.step("Floor: a pod", () => readyPod(lab), shown),
    ttlMs: await lab.step("Floor: DNS", () => ttl(lab), shown),
    updateMs: await lab.step("Floor: an update without a change", () => update(lab), shown),
  };
}

async function update(lab: BenchLab): Promise<number> {
  const { standby } = await lab.roles();
  const { workspace } = lab.env;
  const begun = performance.now();
  await workspace.update(standby);
  return performance.now() - begun;
}

const REPLICA = "bench-floor";

/** Promotes a replica of its own, which nobody else knows. */
async function promotion(lab: BenchLab): Promise<number> {
  const { active, standby } = await lab.roles();
  const facts = await lab.factsOf(active);
  const secrets = await lab.env.workspace.secrets(active);
  const source = databaseOf(facts, secrets);
  const rds = new RDSClient({ region: lab.regionOf(standby) });
  const instance = { DBInstanceIdentifier: REPLICA };
  try {
    await rds.send(
      new CreateDBInstanceReadReplicaCommand({
        ...instance,
        SourceDBInstanceIdentifier: lab.env.names.site(active).databaseArn(facts.activation?.generation ?? 1),
        DBInstanceClass: lab.topology.database.instanceClass,
        KmsKeyId: lab.env.names.site(standby).keyAliasArn,
      }),
    );
    let address: DatabaseAddress | undefined;
    await lab.until("a replica to measure its promotion", 200, async () => {
      const { DBInstances: [found] = [] } = await rds.send(new DescribeDBInstancesCommand(instance));
      if (found?.DBInstanceStatus !== "available" || found.Endpoint?.Address === undefined) return false;
      address = { ...source, host: found.Endpoint.Address, port: found.Endpoint.Port ?? source.port };
      const state = await probeDatabase(address);
      return state.kind === "replica" && state.streaming && state.caughtUp;
    });
    if (!address) throw new Error("the replica has no address");
    await lab.wait(1_000);
    return await asAdmin(address, async (client) => {
      const begun = performance.now();
      const asked = rds.send(new PromoteReadReplicaCommand(instance));
      for (;;) {
        const { rows } = await client.query<{ recovering: boolean }>("select pg_is_in_recovery() as recovering");
        if (rows[0]?.recovering === false) break;
        await sleep(5, undefined, { signal: lab.signal });
      }
      const tookMs = performance.now() - begun;
      await asked;
      return tookMs;
    });
  } finally {
    await remove(lab, rds);
    rds.destroy();
  }
}

async function remove(lab: BenchLab, rds: RDSClient): Promise<void> {
  const instance = { DBInstanceIdentifier: REPLICA };
  try {
    await rds.send(new DeleteDBInstanceCommand({ ...instance, SkipFinalSnapshot: true }));
    await lab.until("the replica to be gone", 200, async () => {
      await rds.send(new DescribeDBInstancesCommand(instance));
      return false;
    });
  } catch (error) {
    if (!(error instanceof DBInstanceNotFoundFault)) throw error;
  }
}

/** Creates a pod as the standby's deployment would, apart from its service. */
async function readyPod(lab: BenchLab): Promise<number> {
  const { standby } = await lab.roles();
  const { namespace } = lab.env.names;
  const config = new KubeConfig();
  config.loadFromString((await lab.env.workspace.secrets(standby))["kubeconfig"] ?? "");
  const [apps, core] = [config.makeApiClient(AppsV1Api), config.makeApiClient(CoreV1Api)];
  const { spec } = await apps.readNamespacedDeployment({ namespace, name: lab.topology.verify.service });
  const name = "bench-floor";
  const body = Object.assign(new V1Pod(), { metadata: { name, namespace }, spec: spec?.template.spec });
  const begun = performance.now();
  await core.createNamespacedPod({ namespace, body });
  try {
    await lab.until("a pod to become ready", 10, async () => {
      const { status } = await core.readNamespacedPod({ namespace, name });
      return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;
    });
    return performance.now() - begun;
  } finally {
    await core.deleteNamespacedPod({ namespace, name });
    await lab.until("the pod to be gone", 200, async () => {
      const { items } = await core.listNamespacedPod({ namespace, fieldSelector: `metadata.name=${name}` });
      return items.length === 0;
    });
  }
}

/** Turns the standby's switch on and off. It names the site that is active, so that no guard takes it for a takeover. */
async function ttl(lab: BenchLab): Promise<number> {
  const { active, standby, epoch } = await lab.roles();
  const { app, site } = lab.env.names;
  const bucket = site(standby).switchBucket;
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([lab.environment["CHANGEOVER_RESOLVER"] ?? ""]);
  const ask = async (): Promise<{ address: string; ttl: number }> => {
    const [answer] = await resolver.resolve4(app, { ttl: true });
    if (!answer) throw new Error(`${app} has no address`);
    return answer;
  };
  const objects = new Objects(lab.regionOf(standby));
  const before = await ask();
  await objects.warmUp();
  // Health checks go round once a second: a put at always the same moment of it would always be as lucky.
  await lab.wait(randomInt(1_000));
  try {
    const begun = performance.now();
    const written = objects.put(bucket, TAKEOVER_KEY, takeoverContent({ activeSite: active, epoch }));
    let kept = 0;
    await lab.until(`${app} to lead to ${standby}`, 10, async () => {
      const asked = performance.now();
      const answer = await ask();
      if (answer.address !== before.address) return true;
      kept = asked + answer.ttl * 1_000;
      return false;
    });
    const turned = performance.now();
    await written;
    return Math.max(turned, kept) - begun;
  } finally {
    await objects.remove(bucket, TAKEOVER_KEY);
    objects.close();
    await lab.until(`${app} to lead to ${active} again`, 100, async () => (await ask()).address === before.address);
    await lab.wait(3_000);
  }
}
