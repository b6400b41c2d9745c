import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { addressesOf } from "../automation/probes/resolver";
import type { Topology } from "../topology/schema";

/** Waits until every service answers a read through the public name. @throws naming those that do not, after `timeoutMs` */
export async function answersEverywhere(topology: Topology, ca: string, timeoutMs = 60_000): Promise<void> {
  const until = performance.now() + timeoutMs;
  const host = `app.${topology.domain}`;
  const waiting = new Map(topology.tiers.flatMap((tier) => Object.entries(tier.services).map(([name, { path }]) => [name, path] as const)));
  let reason = "";
  while (waiting.size > 0) {
    for (const [name, path] of waiting) {
      try {
        if (await answers(host, path, ca)) waiting.delete(name);
      } catch (error) {
        reason = (error as Error).message;
      }
    }
    if (waiting.size === 0) return;
    if (performance.now() > until) throw new Error(`not served after ${timeoutMs} ms: ${[...waiting.keys()].join(", ")} (${reason})`);
    await sleep(200);
  }
}

async function answers(host: string, path: string, ca: string): Promise<boolean> {
  const [address] = await addressesOf(host);
  if (!address) return false;
  const agent = new Agent({ connect: { ca, servername: host, timeout: 1_000 }, headersTimeout: 2_000 });
  try {
    const port = process.env["CHANGEOVER_PORT"] ?? "443";
    const { statusCode, body } = await request(`https://${address}:${port}${path}/writes/none`, { dispatcher: agent, headers: { host } });
    await body.dump();
    // The row does not exist: a 404 of the service itself says that it, and its database, answer.
    return statusCode === 404;
  } finally {
    await agent.destroy();
  }
}
