import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { idOf, isThere } from "../../../../automation/pulumi/adoption";
import { endAws, serveAws } from "../../providers/served-aws";

const PAGES: Record<string, object> = {
  "/backup/plans": { BackupPlansList: [{ BackupPlanName: "other", BackupPlanId: "plan-1" }], NextToken: "2" },
  "/backup/plans?nextToken=2": { BackupPlansList: [{ BackupPlanName: "shop-primary", BackupPlanId: "plan-2" }] },
  "/backup/plans/plan-2/selections": { BackupSelectionsList: [{ SelectionName: "shop-primary", SelectionId: "selection-1" }] },
};

let server: Server;
beforeEach(async () => {
  server = createServer((request, response) => {
    const path = (request.url ?? "").replace(/\/(\?|$)/, "$1");
    const page = PAGES[path];
    response.writeHead(page ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(page ?? {}));
  });
  await serveAws(server);
});
afterEach(() => endAws(server));

describe("what an update had begun to create", () => {
  const named = (namespace?: string) => ({ metadata: { name: "orders", ...(namespace !== undefined && { namespace }) } });
  const plan = { type: "aws:backup/plan:Plan", inputs: { name: "shop-primary" } };
  const selection = { type: "aws:backup/selection:Selection", inputs: { name: "shop-primary", planId: "plan-2" } };

  it.each([
    ["a database, by its identifier", { type: "aws:rds/instance:Instance", inputs: { identifier: "shop-1" } }, "shop-1"],
    ["a snapshot, by its own", { type: "aws:rds/snapshot:Snapshot", inputs: { dbSnapshotIdentifier: "shop-1-left" } }, "shop-1-left"],
    ["a backup plan, by the number that its name leads to", plan, "plan-2"],
    ["a plan's selection, likewise", selection, "selection-1"],
    ["an object of Kubernetes, by namespace and name", { type: "kubernetes:apps/v1:Deployment", inputs: named("shop") }, "shop/orders"],
    ["one without a namespace", { type: "kubernetes:core/v1:Namespace", inputs: named() }, "orders"],
    ["not one whose name nobody knew", { type: "kubernetes:core/v1:Secret", inputs: {} }, undefined],
    ["not what can be created again", { type: "aws:s3/bucket:Bucket", inputs: { bucket: "shop" } }, undefined],
    ["not what is not there", { ...plan, inputs: { name: "shop-secondary" } }, undefined],
  ])("is taken over: %s", async (_, resource, id) => {
    expect(await idOf(resource, "eu-west-1")).toBe(id);
  });

  it("is there once RDS says so; AWS Backup makes a plan at once", () => {
    const database = (status: string) => ({ type: "aws:rds/instance:Instance", outputs: { status } });
    expect([isThere(database("creating")), isThere(database("available")), isThere(plan)]).toEqual([false, true, true]);
  });
});
