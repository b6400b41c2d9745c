import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { CopyTarget } from "./changeover/copies";
import { journalFolder } from "./changeover/incidents";
import { Objects } from "./objects";

const Milliseconds = z.number().nonnegative();

/** What a drill leaves behind it: what it measured of which disasters' objectives. */
const Drill = z.strictObject({
  scenario: z.string().regex(/^[a-z][a-z0-9-]*$/),
  /** ISO 8601. */
  startedAt: z.iso.datetime(),
  /** Where it was practised: `lab`, or an environment. */
  where: z.string().min(1),
  /** Incidents that were part of it: their journals are no evidence of their own. */
  incidents: z.array(z.string()),
  measured: z
    .array(
      z.strictObject({
        disaster: z.string(),
        /** Milliseconds; `null`: the service did not come back. */
        rtoMs: Milliseconds.nullable(),
        /** Milliseconds; `null`: not measured. */
        rpoMs: Milliseconds.nullable(),
      }),
    )
    .min(1),
});
export type DrillRecord = z.infer<typeof Drill>;

/** Records as they were found. */
export interface Found {
  drills: DrillRecord[];
  /** What could not be read, and why; it counts for nothing. */
  broken: { file: string; why: string }[];
}

const PREFIX = "evidence/";

/** Beside the environment's journals. */
export function evidenceFolder(environment: string): string {
  return join(journalFolder(environment), "drills");
}

/** `2026-01-02T030405Z-regional-outage.json`: sorts by time. */
function nameOf({ startedAt, scenario }: DrillRecord): string {
  return `${startedAt.replace(/\.\d+/, "").replaceAll(":", "")}-${scenario}.json`;
}

/** @returns the file */
export function writeEvidence(folder: string, record: DrillRecord): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, nameOf(record));
  writeFileSync(file, textOf(record), { mode: 0o600 });
  return file;
}

/** Copies a record to a site's control bucket. @throws where S3 does not take it in time */
export async function copyEvidence(target: CopyTarget, record: DrillRecord): Promise<void> {
  const objects = new Objects(target.region);
  try {
    await objects.put(target.bucket, PREFIX + nameOf(record), textOf(record));
  } finally {
    objects.close();
  }
}

/** The records of this machine, the oldest first; none where no drill was recorded. */
export function readEvidence(folder: string): Found {
  if (!existsSync(folder)) return { drills: [], broken: [] };
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return parsed(names.sort().map((name) => ({ file: join(folder, name), text: readFileSync(join(folder, name), "utf8") })));
}

/** The records that a control bucket has. @throws where it cannot be read */
export async function readCopiedEvidence(target: CopyTarget): Promise<Found> {
  const objects = new Objects(target.region);
  try {
    const keys = (await objects.list(target.bucket, PREFIX)).sort();
    const texts = await Promise.all(keys.map((key) => objects.get(target.bucket, key)));
    return parsed(keys.map((key, i) => ({ file: `${target.bucket}/${key}`, text: texts[i] ?? "" })));
  } finally {
    objects.close();
  }
}

function textOf(record: DrillRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

function parsed(files: { file: string; text: string }[]): Found {
  const found: Found = { drills: [], broken: [] };
  for (const { file, text } of files) {
    try {
      found.drills.push(Drill.parse(JSON.parse(text)));
    } catch (error) {
      const [issue] = error instanceof z.ZodError ? error.issues : [];
      found.broken.push({ file, why: issue ? `${issue.path.join(".") || "(root)"}: ${issue.message}` : (error as Error).message });
    }
  }
  return found;
}
