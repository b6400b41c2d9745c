import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

const BUFFER_CHARACTERS = 256 * 1024;

/** A file of lines that only its owner may read, and that appears under its name when it is whole and on disk. */
export class LinesFile {
  private waiting: string[] = [];
  private length = 0;
  private committed = false;

  private constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
  ) {}

  private static partial(file: string): string {
    return `${file}.partial`;
  }

  static async create(file: string): Promise<LinesFile> {
    // One left by a process that was killed may have another owner or mode.
    await rm(LinesFile.partial(file), { force: true });
    return new LinesFile(file, await open(LinesFile.partial(file), "wx", 0o600));
  }

  async write(line: string): Promise<void> {
    this.waiting.push(line, "\n");
    this.length += line.length;
    if (this.length >= BUFFER_CHARACTERS) await this.flush();
  }

  /** Puts it in its place, whatever was there. */
  async commit(): Promise<void> {
    await this.flush();
    await this.handle.sync();
    await rename(LinesFile.partial(this.file), this.file);
    this.committed = true;
    const folder = await open(dirname(this.file), "r");
    await folder.sync().finally(() => folder.close());
  }

  /** Leaves nothing where it was not committed. */
  async close(): Promise<void> {
    await this.handle.close();
    if (!this.committed) await rm(LinesFile.partial(this.file), { force: true });
  }

  private async flush(): Promise<void> {
    const text = this.waiting.join("");
    this.waiting = [];
    this.length = 0;
    await this.handle.writeFile(text);
  }
}
