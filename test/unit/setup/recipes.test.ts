import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const RECIPES = [".github/workflows/changeover.yml", "docs/ci/gitlab-ci.yml"];
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };

describe.each(RECIPES)("%s", (file) => {
  const text = readFileSync(file, "utf8");
  const recipe: unknown = parse(text);

  it("lints, checks types, tests, and says what a change does to recovery; drills at night", () => {
    for (const command of ["npm run lint", "npm run typecheck", "npm run test:unit"]) expect(text).toContain(command);
    for (const verb of ["impact-of", "policies", "plan", "drill all"]) expect(text).toContain(`changeover ${verb}`);
    expect(text).toMatch(/schedule/);
  });

  it("runs what there is", () => {
    for (const [, script] of text.matchAll(/npm run ([a-z:]+)/g)) expect(Object.keys(scripts)).toContain(script);
  });

  it("pins what it uses, and keeps no key of AWS", () => {
    const uses = [...text.matchAll(/uses: (\S+)/g)].map(([, used]) => used!);
    for (const used of uses) expect(used).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    expect(text).not.toMatch(/AWS_SECRET_ACCESS_KEY|AWS_ACCESS_KEY_ID|aws-secret-access-key/);
    expect(text).toMatch(/id-token: write|id_tokens:/);
    expect(recipe).toBeTypeOf("object");
  });
});

it("the jobs of the project's own workflow may no more than they need", () => {
  const workflow = parse(readFileSync(RECIPES[0]!, "utf8")) as {
    permissions: object;
    jobs: Record<string, { permissions?: object; if?: string }>;
  };
  expect(workflow.permissions).toEqual({ contents: "read" });
  const wider = Object.entries(workflow.jobs).filter(([, { permissions }]) => permissions);
  expect(wider.map(([name]) => name)).toEqual(["recovery"]);
  // A pull request from a fork runs with nothing of ours.
  expect(workflow.jobs["recovery"]?.if).toContain("head.repo.full_name == github.repository");
});
