import type { Topology, Workload } from "../topology/schema";
import { replicasOf, type Role } from "../topology/roles";

/** One service at one site, as plain data. */
export interface ServicePlan {
  name: string;
  /** Image pinned by digest. */
  image: string;
  /** Path under which the load balancer routes to it. */
  path: string;
  /** Pods that the site has of it in its present role. */
  replicas: number;
  /** Bounds of the autoscaler, in pods. */
  autoscale: { min: number; max: number };
  /** CPU of a pod, in Kubernetes' notation. The limit leaves room for a start under load. */
  cpu: { request: string; limit: string };
  /** Memory of a pod, request and limit alike: what is promised is there. */
  memory: string;
}

/** A recovery tier's services. */
export interface TierPlan {
  tier: number;
  services: ServicePlan[];
}

/** How many pods a site has: as many as its role asks for, or, ahead of a planned move, as many as the active site. */
export type Capacity = "role" | "active";

/**
 * What a site runs in a role, in recovery order.
 * @param capacity a standby with that of an active site is scaled and not restarted by the move. Other roles keep to
 *   their own: what is left of it in the config of a fenced site starts nothing there
 */
export function planWorkloads(topology: Topology, role: Role, capacity: Capacity = "role"): TierPlan[] {
  const scale = role === "standby" && capacity === "active" ? "active" : role;
  return topology.tiers.map(({ tier, services }) => ({
    tier,
    services: Object.entries(services).map(([name, workload]) => planService(name, workload, scale)),
  }));
}

/** @param role the role whose number of pods the site has */
function planService(name: string, workload: Workload, role: Role): ServicePlan {
  const { image, path, cpu, memory } = workload;
  const replicas = replicasOf(workload, role);
  return {
    name,
    image,
    path,
    replicas,
    // A standby's autoscaler stands still, at the count that the stack sets (it knows no zero, and leaves zero alone).
    autoscale:
      role === "active" ? { min: replicas, max: workload.replicas.max } : { min: Math.max(replicas, 1), max: Math.max(replicas, 1) },
    cpu: { request: cpu, limit: `${2 * parseInt(cpu, 10)}m` },
    memory,
  };
}
