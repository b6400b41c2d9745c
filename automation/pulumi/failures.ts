import { CommandError, ConcurrentUpdateError, StackNotFoundError } from "@pulumi/pulumi/automation";
import { BadInput } from "../../topology/errors";
import { Refused } from "../errors";

/** Who holds a stack's lock. */
export interface StackLock {
  user: string;
  host: string;
  pid: number;
  at: Date;
}

/** Another update holds the stack. */
export class Locked extends Refused {
  constructor(
    readonly part: string,
    stackName: string,
    readonly lock: StackLock | undefined,
    holder: string,
  ) {
    super(`stack ${stackName} is locked by ${holder}`, `wait for it; if that process is gone, run: pulumi cancel -s ${stackName} --yes`);
    this.name = "Locked";
  }
}

/** An update or preview that failed, with the engine's own diagnostics and none of its other output. */
export class UpdateFailed extends Error {
  constructor(
    readonly stackName: string,
    readonly diagnostics: string[],
  ) {
    super(`stack ${stackName}: ${diagnostics.join("; ") || "the update failed without a diagnostic"}`);
    this.name = "UpdateFailed";
  }
}

/**
 * The CLI's errors in words that name what was wrong; its whole output, which could hold anything, stays out.
 * @param name full name of the stack @param diagnostics of the engine, where it had begun
 */
export function explain(part: string, name: string, error: unknown, diagnostics?: string[]): unknown {
  if (error instanceof StackNotFoundError) {
    return new BadInput([
      {
        path: "stack",
        value: name,
        message: `a stack of this backend (${process.env["PULUMI_BACKEND_URL"] ?? "the logged-in one"}); see: pulumi stack ls`,
      },
    ]);
  }
  if (error instanceof ConcurrentUpdateError) {
    const holder = /created by (.+)$/m.exec(error.message)?.[1];
    return new Locked(part, name, holder === undefined ? undefined : lockOf(holder), holder ?? "another update");
  }
  if (!(error instanceof CommandError)) return error;
  if (/passphrase must be set|incorrect passphrase/.test(error.message)) {
    return new BadInput([
      {
        path: "PULUMI_CONFIG_PASSPHRASE",
        value: undefined,
        message: `the passphrase that stack ${name}'s secrets were encrypted with; the one given does not open them`,
      },
    ]);
  }
  return new UpdateFailed(name, diagnostics ?? [firstError(error.message)]);
}
/** As Pulumi's self-managed backends tell it: `maria@runner-7 (pid 4242) at 2026-01-02T03:04:05Z`. */
export function lockOf(holder: string): StackLock | undefined {
  const [, user, host, pid, at] = /^(.+)@(\S+) \(pid (\d+)\) at (\S+)/.exec(holder) ?? [];
  return user === undefined || host === undefined ? undefined : { user, host, pid: Number(pid), at: new Date(at ?? NaN) };
}

/** A stack's file in a file backend was read while it was not whole. */
export function isCutOff(error: unknown): boolean {
  return error instanceof CommandError && error.message.includes("failed to load checkpoint: EOF");
}

function firstError(output: string): string {
  return /error: (.+)/.exec(output)?.[1] ?? "the Pulumi CLI failed; run the same by hand to see its output";
}
