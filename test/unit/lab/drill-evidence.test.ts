import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { readEvidence } from "../../../automation/evidence";
import { keepEvidence, recordOf } from "../../../lab/drill/evidence";
import { s3, type S3 } from "../automation/s3";
import { drill, topology } from "./drill-reports";

let folder: string;
let store: S3;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "evidence-"));
  store = await s3();
  vi.stubEnv("AWS_ENDPOINT_URL", store.endpoint);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
  await store.close();
});

const journals = ["/x/DR-20260102-030405-1.jsonl", "/x/DR-20260102-030505-2.jsonl"];

it("has what the drill measured of an objective, and the incidents that were part of it", () => {
  const result = drill(["payments--200"]);
  const [failover] = result.changeovers;
  expect(recordOf(topology, result, journals)).toEqual({
    scenario: "regional-outage",
    startedAt: result.startedAt,
    where: "lab",
    incidents: ["DR-20260102-030405-1", "DR-20260102-030505-2"],
    measured: [{ disaster: "regional-outage", rtoMs: failover?.rtoMs, rpoMs: failover?.rpo.oldestLostAgeMs }],
  });
  expect(failover?.rpo.oldestLostAgeMs).toBeGreaterThan(0);
});

it("has the worst where one objective was measured twice, and nothing of what never came back", () => {
  const objectives = (...measured: (number | null)[]) =>
    measured.map((measuredMs) => ({ name: "database-failure RTO", targetMs: 1, measuredMs, met: false }));
  const of = (...measured: (number | null)[]) => recordOf(topology, { ...drill(), objectives: objectives(...measured) }, [])?.measured;
  expect(of(3, 7, 5)).toEqual([{ disaster: "database-failure", rtoMs: 7, rpoMs: null }]);
  expect(of(3, null)).toEqual([{ disaster: "database-failure", rtoMs: null, rpoMs: null }]);
});

it("is none where no disaster's objective was measured", () => {
  expect(recordOf(topology, { ...drill(), objectives: [{ name: "lost", target: 0, measured: 0, met: true }] }, [])).toBeUndefined();
});

it("is kept in the folder and in the control bucket of the site that took over", async () => {
  const result = drill();
  const record = recordOf(topology, result, journals)!;
  const { file, uncopied } = await keepEvidence(topology, result, record, folder);
  expect(uncopied).toBeUndefined();
  expect(readEvidence(folder)).toEqual({ drills: [record], broken: [] });
  const [[key, text] = []] = [...store.objects];
  expect(key).toMatch(/^samia-tarot-lab-123456789012-secondary-control\/evidence\/.*-regional-outage\.json$/);
  expect(text).toBe(readFileSync(file, "utf8"));
});

it("is kept in the folder where the bucket does not take it", async () => {
  store.fail();
  const result = drill();
  const kept = await keepEvidence(topology, result, recordOf(topology, result, journals)!, folder);
  expect(kept.uncopied).toMatch(/S3 in eu-west-1: put/);
  expect(readEvidence(folder).drills).toHaveLength(1);
});
