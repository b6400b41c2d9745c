import { run } from "../../setup/run";

/** Arguments of the CLI for what a stack's state is; its secrets stay encrypted. */
export const STATE = ["stack", "export"] as const;
/** Arguments of the CLI for a stack's config, with its secrets in plain text. */
export const SECRETS = ["config", "--show-secrets", "--json"] as const;

/** A CLI that only reads is over before there is garbage worth collecting, which took a third of its time. */
export const READING = { GOGC: "off", GOMEMLIMIT: "512MiB" };

/**
 * What the CLI is asked for before anybody needs it: the Automation API takes as long to load as the state takes to read.
 * Each answer is given once, so that nobody is told twice what may have changed in between.
 */
export class EarlyReads {
  private readonly answers = new Map<string, Promise<string | undefined>>();

  /** @param pulumi path of the CLI @param root folder with Pulumi.yaml and the stacks' config files */
  constructor(
    private readonly pulumi: string,
    private readonly root: string,
  ) {}

  start(stack: string, args: readonly string[]): void {
    const command = [...args, "--stack", stack, "--non-interactive"];
    const env = { ...READING, PULUMI_AUTOMATION_API: "true" };
    const answer = run(this.pulumi, command, { cwd: this.root, env }).catch(() => undefined);
    this.answers.set(keyOf(stack, args), answer);
  }

  /** @returns `undefined` for what was not asked for, was given already, or could not be read: whoever asks anew is told why */
  async take(stack: string, args: readonly string[]): Promise<string | undefined> {
    const key = keyOf(stack, args);
    const answer = this.answers.get(key);
    this.answers.delete(key);
    return answer;
  }
}

function keyOf(stack: string, args: readonly string[]): string {
  return [stack, ...args].join(" ");
}
