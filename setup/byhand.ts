import { needOnPath, run } from "./run";

/** A program that Changeover never starts, but that people use against the lab. */
export interface ByHand {
  name: string;
  /** Absent: not on PATH. */
  path?: string;
  version?: string;
  advice: string;
}

const PROGRAMS: { name: string; args: string[]; version: RegExp; advice: string }[] = [
  {
    name: "kubectl",
    args: ["version", "--client"],
    version: /Client Version: v(\S+)/,
    advice: "install kubectl of a Kubernetes near 1.37",
  },
  { name: "aws", args: ["--version"], version: /aws-cli\/(\S+)/, advice: "install the AWS CLI, version 2" },
  {
    name: "psql",
    args: ["--version"],
    version: /PostgreSQL\) (\S+)/,
    advice: "install the PostgreSQL client (package postgresql-client or postgresql)",
  },
  { name: "dig", args: ["-v"], version: /DiG (\S+)/, advice: "install dig (package bind9-dnsutils, bind-utils or bind)" },
];

/** Which of the programs are on PATH. */
export async function programsByHand(): Promise<ByHand[]> {
  return Promise.all(
    PROGRAMS.map(async ({ name, args, version, advice }) => {
      try {
        const path = needOnPath(name);
        let stderr = "";
        const said = await run(path, args, { onLine: (line) => (stderr += `${line}\n`), timeoutMs: 10_000 });
        const found = version.exec(said + stderr)?.[1];
        return { name, path, advice, ...(found === undefined ? {} : { version: found }) };
      } catch {
        return { name, advice };
      }
    }),
  );
}
