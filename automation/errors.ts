/** Exit codes of the command; the words are in docs/architecture.md. */
export const EXIT = { done: 0, fault: 1, badInput: 2, refused: 3, stopped: 4, objectiveMissed: 5 } as const;

/** A guard said no. Nothing was changed. */
export class Refused extends Error {
  readonly exitCode = EXIT.refused;
  /** @param satisfy what would make the guard say yes */
  constructor(
    message: string,
    readonly satisfy: string,
  ) {
    super(`${message}\n  to go on: ${satisfy}`);
    this.name = "Refused";
  }
}

/** A changeover stopped midway. The journal says how far it came. */
export class Stopped extends Error {
  readonly exitCode = EXIT.stopped;
  constructor(
    /** The message without what is to be done. */
    readonly problem: string,
    readonly next: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}\n  next: ${next}`, options);
    this.name = "Stopped";
  }
}
