import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import type { LabContext, LabPart } from "./part";
import { url } from "./world";

const START_TIMEOUT_MS = 60_000;

/** The AWS control plane's memory: one moto server, behind the gateway. It belongs to no region, so no outage touches it. */
export function createMoto(lab: LabContext): LabPart {
  const { host, port } = lab.world.moto;
  const answers = async (): Promise<boolean> => {
    try {
      const { statusCode, body } = await request(`${url(lab.world.moto)}/moto-api/`, { headersTimeout: 2_000 });
      await body.dump();
      return statusCode < 500;
    } catch {
      return false;
    }
  };
  return {
    name: "moto",
    async start() {
      if (await answers()) throw new Error(`something else answers at ${host}:${port} already`);
      const server = lab.processes.spawn({
        name: "moto",
        command: lab.tool("moto_server"),
        args: ["-H", host, "-p", String(port)],
        env: {
          PYTHONDONTWRITEBYTECODE: "1",
          // Certificates are ISSUED one second after the request; moto's own wait is a minute, and proves nothing.
          MOTO_ACM_VALIDATION_WAIT: "1",
          // Thousands of public images would make the first EC2 call slow.
          MOTO_EC2_LOAD_DEFAULT_AMIS: "false",
        },
      });
      let gone: string | undefined;
      server.ended.then(
        ({ code, signal }) => (gone = `ended with ${signal ?? code ?? "nothing"}`),
        (error: unknown) => (gone = String(error)),
      );
      const deadline = Date.now() + START_TIMEOUT_MS;
      while (!(await answers())) {
        if (gone !== undefined) throw new Error(`moto did not start: ${gone}; see ${lab.folder}/logs/moto.log`);
        if (Date.now() > deadline) throw new Error(`moto did not answer at ${host}:${port} within ${START_TIMEOUT_MS / 1000} s`);
        await sleep(50);
      }
    },
    async stop() {
      await lab.processes.get("moto")?.end();
    },
  };
}
