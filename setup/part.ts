/** Something that Changeover or its lab needs on the machine, and the ways to have it, best first. */
export interface Part {
  /** Unique; file-name characters. */
  name: string;
  /** The version that is wanted; part of the folder's name, so that checkouts that want others live side by side. */
  version: string;
  /** What stops working without it. */
  neededFor: "every verb" | "the lab";
  /** Names under which its executables are asked for. */
  tools: readonly string[];
  ways: readonly Way[];
  /** Whether what was made earlier is still what is wanted. Default: yes; the version is in the folder's name. */
  current?(made: { way: WayName; tools: Record<string, string> }): boolean;
  /** What to install by hand when every way has failed. */
  advice: string;
}

export type WayName =
  "already there" | "official download" | "Go build" | "Debian packages" | "Python packages" | "script of our own" | "lab stand-ins";

/** One way to have a part. */
export interface Way {
  name: WayName;
  /**
   * Makes the part. Looking for what is there already changes nothing; the others fill `at.folder`, which is empty before.
   *
   * @throws NotThisWay, or any error: its message is the reason that is shown when no way is left
   */
  make(at: Site): Promise<Made>;
}

/** Where a part is made, and with what. */
export interface Site {
  home: string;
  /** The part's own folder in the cache. */
  folder: string;
  version: string;
  /** Absolute path of a tool of a part that stands earlier in the list. */
  tool: (name: string) => string;
  /** Shows what is going on; a few words. */
  note: (text: string) => void;
}

/** What a way has made or found. */
export interface Made {
  /** The version that it is, where that is not exactly the wanted one. */
  version?: string;
  /** Absolute paths by name. */
  tools: Record<string, string>;
}

/** A way that cannot be gone on this machine. The message says why, in a few words. */
export class NotThisWay extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "NotThisWay";
  }
}
