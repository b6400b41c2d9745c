import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CertificateAuthority } from "../../../lab/certificates";
import type { LabContext } from "../../../lab/part";
import { labParts } from "../../../lab/parts";
import { ProcessTable } from "../../../lab/processes";
import { world, type Endpoint, type World } from "../../../lab/world";
import { readMade } from "../../../setup/cache";
import { changeoverHome } from "../../../setup/home.mjs";
import { onPath } from "../../../setup/run";

export interface TestLab extends LabContext {
  /** What the parts logged. */
  lines: string[];
  /** Ends what is left of the processes and removes the folder. */
  dispose(): Promise<void>;
}

/**
 * A lab of a temporary folder, with real processes and certificates.
 * @param shift added to the second octet of each address (10 to 40), so that tests that run at once, or beside a lab, do not meet; default 0
 */
export async function testLab(shift = 0): Promise<TestLab> {
  const folder = mkdtempSync(join(tmpdir(), "changeover-lab-"));
  const processes = new ProcessTable(folder);
  const lines: string[] = [];
  return {
    world: shifted(world(process.getuid?.() === 0), shift),
    folder,
    tool,
    processes,
    certificates: await CertificateAuthority.open(folder),
    events: new EventEmitter(),
    log: (part, message) => lines.push(`${part}: ${message}`),
    lines,
    async dispose() {
      await Promise.all(processes.list().map((child) => child.end(1_000)));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function shifted(original: World, shift: number): World {
  const move = ({ host, port }: Endpoint): Endpoint => ({
    host: host.replace(/^127\.(\d+)/, (_, octet: string) => `127.${Number(octet) + shift}`),
    port,
  });
  const { control, aws, moto, dns } = original;
  return {
    ...original,
    control: move(control),
    aws: move(aws),
    moto: move(moto),
    dns: move(dns),
    region(name) {
      const region = original.region(name);
      return {
        ...region,
        aws: move(region.aws),
        awsTls: move(region.awsTls),
        kubernetes: move(region.kubernetes),
        etcd: move(region.etcd),
        balancer: (index) => move(region.balancer(index)),
        database: (index) => move(region.database(index)),
        pod: (index) => move(region.pod(index)),
      };
    },
  };
}

/** As it was set up; before that, what the machine has. @throws where that has none */
export function tool(name: string): string {
  for (const part of labParts) {
    const path = readMade(part, changeoverHome())?.tools[name];
    if (path !== undefined) return path;
  }
  const [found] = onPath(name);
  if (found === undefined) throw new Error(`${name} is not set up yet: npm test does that, and so does npx changeover lab up`);
  return found;
}
