import { z } from "zod";
import { EDGES } from "../../automation/changeover/table";

/** Steps of all kinds of changeover. */
export const STEPS: readonly string[] = [...new Set(EDGES.map(({ step }) => step))];

const site = z.string().describe("site or region");
const rate = z.number().min(0).max(1);
const moment = { step: z.enum(STEPS), on: z.enum(["begin", "end"]).default("begin") };

/** What the lab can be troubled with, beside the loss of a region. Durations in milliseconds, sizes in bytes. */
export const Fault = z.discriminatedUnion("fault", [
  z.strictObject({ fault: z.literal("throttle"), site, rate }),
  z.strictObject({ fault: z.literal("errors"), site, rate }),
  z.strictObject({ fault: z.literal("latency"), site, ms: z.number().min(0) }),
  z.strictObject({ fault: z.literal("hang-kubernetes"), site }),
  z.strictObject({ fault: z.literal("cut-replication"), site }),
  z.strictObject({ fault: z.literal("damage-backup"), site, how: z.enum(["alter", "truncate"]).default("alter") }),
  z.strictObject({ fault: z.literal("lose-wal"), site }),
  z.strictObject({ fault: z.literal("restart-dns"), forMs: z.number().min(0) }),
  z.strictObject({ fault: z.literal("disk-full"), leaveBytes: z.number().int().min(0) }),
  z.strictObject({ fault: z.literal("clock"), shiftMs: z.number().int() }),
  z.strictObject({ fault: z.literal("lose"), site, mode: z.enum(["stop", "blackhole"]).default("stop"), ...moment }),
  z.strictObject({ fault: z.literal("kill"), onlyDriver: z.boolean().default(false), ...moment }),
]);
export type Fault = z.infer<typeof Fault>;
export type FaultName = Fault["fault"];

/** Which faults are to end: of a kind, at a site, or all. */
export const Ending = z.strictObject({
  fault: z.enum(Fault.options.map(({ shape }) => shape.fault.value)).optional(),
  site: site.optional(),
});
export type Ending = z.infer<typeof Ending>;

/** A fault as `lab status` shows it. */
export type ActiveFault = Fault & {
  /** ISO 8601. */
  since: string;
  region?: string;
  /** Of a fault that waits for a step: when that came, and what was done. */
  happened?: { at: string; incident: string; what: string };
  /** Why it could not be done. */
  failed?: string;
  /** What else there is to know. */
  detail?: string;
};
