import type { FigureName } from "./figures";

/** A stretch of a recovery. */
export interface Segment {
  name: string;
  /** Milliseconds. */
  ms: number;
  /** What it is made of, with the keys of the topology. */
  from: string;
  /** What it takes from elsewhere. */
  figures: FigureName[];
  /** Segments that it waits for. @default none: it begins with the disaster */
  after?: string[];
  /** The verified write does not wait for it. @default false */
  later?: boolean;
}

export interface Scheduled extends Segment {
  /** When it ends, in milliseconds since the disaster. */
  endsMs: number;
  /** Whether it is on the way that takes longest. Those segments add up to the whole. */
  critical: boolean;
}

/**
 * When each segment ends if each begins as soon as it can, and which of them decide when all is done.
 * @param segments each one behind those that it waits for
 */
export function schedule(segments: readonly Segment[]): { segments: Scheduled[]; ms: number } {
  const done = new Map<string, Scheduled>();
  const last = (names: readonly string[]): Scheduled | undefined =>
    names
      .map((name) => {
        const found = done.get(name);
        if (!found) throw new RangeError(`no segment ${name} before this one`);
        return found;
      })
      .reduce<Scheduled | undefined>((latest, each) => (latest && latest.endsMs >= each.endsMs ? latest : each), undefined);

  for (const segment of segments) {
    done.set(segment.name, { ...segment, endsMs: (last(segment.after ?? [])?.endsMs ?? 0) + segment.ms, critical: false });
  }
  const end = last(segments.filter(({ later }) => !later).map(({ name }) => name));
  for (let at = end; at; at = last(at.after ?? [])) at.critical = true;
  return { segments: [...done.values()], ms: end?.endsMs ?? 0 };
}
