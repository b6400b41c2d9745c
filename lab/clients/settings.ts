import { readFileSync } from "node:fs";

/** What the writers are told. */
export interface ClientSettings {
  /** Public name of the service. */
  name: string;
  port: number;
  /** Name server, `address:port`. */
  resolver: string;
  /** File with the authority that the service's certificate must come from. */
  caFile: string;
  services: { service: string; tier: number; path: string }[];
  /** New writes per second and service, whatever becomes of them. Default 8. */
  ratePerService?: number;
  /** An attempt without an answer after this is given up, and made again. Milliseconds, default 2000. */
  timeoutMs?: number;
  /** Second and further attempts per second, over all services. Default: as many as new writes. */
  retriesPerSecond?: number;
  /** Writes without an acknowledgement that are kept for another attempt; above that no new ones are made. Default 50,000. */
  maxPending?: number;
  /** Every attempt goes here, a line of JSON each (ledger.ts). */
  ledgerFile: string;
  /** The run in one JSON object, written at its end. */
  summaryFile: string;
}

/** One variable, so that what a run was told can be read in its environment. */
const VARIABLE = "CHANGEOVER_CLIENTS";

/** Environment of the process that runs `main.ts`. */
export function clientEnvironment(settings: ClientSettings): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(settings) };
}

/** @throws where the variable is missing */
export function readSettings(env: NodeJS.ProcessEnv): Required<ClientSettings> & { ca: string } {
  const text = env[VARIABLE];
  if (text === undefined) throw new Error(`${VARIABLE} is not set: it holds the writers' settings as JSON`);
  const settings = JSON.parse(text) as ClientSettings;
  const ratePerService = settings.ratePerService ?? 8;
  return {
    ...settings,
    ratePerService,
    timeoutMs: settings.timeoutMs ?? 2_000,
    retriesPerSecond: settings.retriesPerSecond ?? ratePerService * settings.services.length,
    maxPending: settings.maxPending ?? 50_000,
    ca: readFileSync(settings.caFile, "utf8"),
  };
}
