import type { Stage } from "../../stacks/context";
import type { Environment } from "../facts";
import type { Incident } from "./incident";
import { updateStack } from "./locks";
import type { TargetProgress } from "./progress";

/**
 * The update that makes a site the active one, but for the promotion, in two parts: it is armed first, with the engine
 * running, the stack locked and all that the role leaves alone already looked at; the rest waits for the word. So the time
 * in which nobody may write holds only what must be in it.
 */
export class TargetUpdate {
  /** The program has come to the gate; in a planned move the engine is done with all that comes before it. */
  readonly armed: Promise<void>;
  /** @throws as `updateStack` */
  readonly done: Promise<void>;
  private readonly stopping = new AbortController();
  private readonly word = new Word();

  /**
   * @param planned all that the role leaves alone was looked at before the word is given. Otherwise the pods come first, and
   *   what nobody waits for comes once the first service is ready.
   */
  constructor(env: Environment, incident: Incident, part: string, progress: TargetProgress, planned: boolean) {
    let arrived: () => void = () => undefined;
    const atGate = new Promise<void>((resolve) => (arrived = resolve));
    const gates: Record<Stage, () => Promise<void>> = {
      database: () => {
        arrived();
        return this.word.given;
      },
      rest: () => (planned ? this.word.given : progress.serving.reached),
    };
    this.done = updateStack(env, incident, part, {
      onResource: progress.take,
      signal: this.stopping.signal,
      gate: { podsFirst: !planned, before: (stage) => gates[stage]() },
    });
    // What fails before anybody asks is told to whoever asks.
    this.done.catch(() => undefined);
    this.armed = Promise.race([atGate, this.done]);
    this.armed.catch(() => undefined);
  }

  /** Lets it go on. */
  go(): void {
    this.word.give();
  }

  /** Gives it up: an update that still waits fails with nothing changed; one that runs ends as after Ctrl-C. */
  async abandon(reason: string): Promise<void> {
    this.word.refuse(new Error(reason));
    this.stopping.abort();
    await this.done.catch(() => undefined);
  }
}

/** Given once, or refused. */
class Word {
  give: () => void = () => undefined;
  refuse: (reason: Error) => void = () => undefined;
  readonly given = new Promise<void>((resolve, reject) => {
    this.give = resolve;
    this.refuse = reject;
  });

  constructor() {
    this.given.catch(() => undefined);
  }
}
