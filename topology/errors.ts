import type { Problem } from "./schema";

/** Wrong flags or a wrong topology: exit code 2. Each problem says where, what it is and what it may be. */
export class BadInput extends Error {
  readonly exitCode = 2;
  constructor(
    readonly problems: Problem[],
    readonly file?: string,
  ) {
    super(problems.map((p) => describeProblem(p, file)).join("\n"));
    this.name = "BadInput";
  }
}

function describeProblem(p: Problem, file?: string): string {
  const where = file ? `${file}: ${p.path}` : p.path;
  const is = p.value === undefined ? "is missing" : `is ${JSON.stringify(p.value)}`;
  return `${where} ${is}; it may be ${p.message}`;
}
