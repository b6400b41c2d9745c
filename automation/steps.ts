import { formatDuration } from "../topology/duration";
import { paintError as paint } from "./output";

/** Works with a list of steps, which ends with the work. @param quiet as for the list */
export async function withSteps<T>(quiet: boolean | undefined, work: (steps: StepList) => Promise<T>): Promise<T> {
  const steps = new StepList(quiet);
  try {
    const result = await work(steps);
    steps.close();
    return result;
  } catch (error) {
    steps.close(true);
    throw error;
  }
}

type State = "running" | "done" | "failed";

interface Step {
  title: string;
  budgetMs?: number | undefined;
  state: State;
  startedAt: number;
  tookMs?: number;
  note?: string;
}

/** DECAWM: a terminal cuts a line off at its edge, so that each step is one row and the next drawing finds its place. */
const [WRAP_OFF, WRAP_ON] = ["\u001b[?7l", "\u001b[?7h"];

const MARK: Record<State, string> = { running: "…", done: paint.green("✔"), failed: paint.red("✘") };

/**
 * A live list of steps with elapsed time against budget, on standard error. On a terminal it is drawn in place; elsewhere
 * each step is a line when it ends, and a line every ten seconds while it runs.
 */
export class StepList {
  private readonly steps = new Map<string, Step>();
  private readonly live: boolean;
  private drawn = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param quiet prints nothing, for `--json` */
  constructor(private readonly quiet = false) {
    this.live = !quiet && process.stderr.isTTY;
    if (quiet) return;
    this.timer = setInterval(
      () => {
        if (this.live) this.draw();
        else for (const step of this.steps.values()) if (step.state === "running") process.stderr.write(`${this.line(step)}\n`);
      },
      this.live ? 100 : 10_000,
    );
    this.timer.unref();
  }

  start(id: string, title: string, budgetMs?: number): void {
    if (this.steps.has(id)) return;
    this.steps.set(id, { title, budgetMs, state: "running", startedAt: performance.now() });
    if (this.live) this.draw();
  }

  done(id: string, note?: string): void {
    this.end(id, "done", note);
  }

  failed(id: string, note?: string): void {
    this.end(id, "failed", note);
  }

  /** Shows what a running step waits for. */
  note(id: string, note: string): void {
    const step = this.steps.get(id);
    if (step) step.note = note;
  }

  /** A line that stays, above the list or between its lines. */
  warn(message: string): void {
    if (this.live && this.drawn > 0) process.stderr.write(`\u001b[${this.drawn}A\u001b[J`);
    process.stderr.write(`${paint.yellow("warning:")} ${message}\n`);
    this.drawn = 0;
    if (this.live) this.draw();
  }

  /** Ends the drawing; steps that still run are shown as failed where `failed` says so. */
  close(failed = false): void {
    clearInterval(this.timer);
    if (failed) for (const [id, step] of this.steps) if (step.state === "running") this.end(id, "failed");
    if (this.live) this.draw(true);
  }

  private end(id: string, state: State, note?: string): void {
    const step = this.steps.get(id);
    if (step?.state !== "running") return;
    step.state = state;
    step.tookMs = performance.now() - step.startedAt;
    if (note === undefined) delete step.note;
    else step.note = note;
    if (this.quiet) return;
    if (this.live) this.draw();
    else process.stderr.write(`${this.line(step)}\n`);
  }

  private line(step: Step): string {
    const took = formatDuration(step.tookMs ?? performance.now() - step.startedAt);
    const budget = step.budgetMs === undefined ? "" : paint.dim(` of ${formatDuration(step.budgetMs)}`);
    const note = step.note ? paint.dim(`  ${step.note}`) : "";
    return `${MARK[step.state]} ${step.title.padEnd(44)} ${took.padStart(7)}${budget}${note}`;
  }

  /** @param last nothing is drawn over it any more: only then may a line be as long as it is */
  private draw(last = false): void {
    const lines = [...this.steps.values()].map((step) => `\u001b[2K${this.line(step)}\n`).join("");
    process.stderr.write((this.drawn > 0 ? `\u001b[${this.drawn}A` : "") + (last ? lines : `${WRAP_OFF}${lines}${WRAP_ON}`));
    this.drawn = this.steps.size;
  }
}
