import type { OutageMode } from "../part";

/** Which regions are lost, and a place to wait for their return. */
export class Outages {
  private readonly lost = new Map<string, OutageMode>();
  private readonly waiting = new Set<() => void>();

  modeOf(region: string): OutageMode | undefined {
    return this.lost.get(region);
  }

  begin(region: string, mode: OutageMode): void {
    this.lost.set(region, mode);
  }

  end(region: string): void {
    this.lost.delete(region);
    this.lookAgain();
  }

  /** Has everybody who waits look again. */
  lookAgain(): void {
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  /** Resolves when the region is not lost, or `abandoned` holds. */
  async over(region: string, abandoned: () => boolean): Promise<void> {
    while (this.lost.has(region) && !abandoned()) {
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }
}
