import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { differingBuckets, digestTable } from "../../../automation/comparison/digest";
import { LinesFile } from "../../../automation/comparison/lines-file";
import { differences, type RowMark } from "../../../automation/comparison/marks";
import { ComparisonError, type Session } from "../../../automation/comparison/session";
import { pairTables, type UserTable } from "../../../automation/comparison/tables";

describe("tables of two databases", () => {
  const tables = (...all: UserTable[]): Map<string, UserTable> => new Map(all.map((table) => [table.name, table]));
  const table = (name: string, columns: string, key: string): UserTable => ({
    name,
    columns: columns.split(" "),
    key: key.split(" ").filter(Boolean),
  });

  it("are paired by name, over the columns and the key that they share", () => {
    const { pairs, onlyLeft, onlyRight } = pairTables(
      tables(table("same", "a b", "a"), table("altered", "a b c", "a"), table("rekeyed", "a b", "a b"), table("gone", "a", "")),
      tables(table("same", "a b", "a"), table("altered", "d c a", "a"), table("rekeyed", "a b", "b a"), table("new", "a", "")),
    );
    expect(pairs).toEqual([
      { name: "same", columns: ["a", "b"], key: ["a"], columnsOnlyLeft: [], columnsOnlyRight: [] },
      { name: "altered", columns: ["a", "c"], key: ["a"], columnsOnlyLeft: ["b"], columnsOnlyRight: ["d"] },
      { name: "rekeyed", columns: ["a", "b"], key: [], columnsOnlyLeft: [], columnsOnlyRight: [] },
    ]);
    expect(onlyLeft.map(({ name }) => name)).toEqual(["gone"]);
    expect(onlyRight.map(({ name }) => name)).toEqual(["new"]);
  });
});

describe("digests", () => {
  it("differ in buckets whose sum or count differs, or that one side has alone", () => {
    const left = new Map([1, 2, 3, 9].map((n) => [n, { rows: n, sum: "5" }]));
    const right = new Map([
      [1, { rows: 1, sum: "5" }],
      [2, { rows: 2, sum: "6" }],
      [3, { rows: 4, sum: "5" }],
      [7, { rows: 1, sum: "0" }],
    ]);
    expect(differingBuckets(left, right)).toEqual([2, 3, 7, 9]);
  });

  const session = (codes: (string | undefined)[]): Session & { asked: number } => ({
    name: "test",
    client: undefined as never,
    recovering: true,
    asked: 0,
    async rows<T>() {
      const code = codes[this.asked++];
      if (code !== undefined) throw new ComparisonError("comparing t", "test", code, "no");
      return [{ bucket: 3, rows: "12", sum: "-123456789012345678901234567890" }] as T[];
    },
    end: () => undefined,
  });
  const table = { name: "t", columns: ["a"], key: [] };

  it("are asked for again when a replica's replay cancelled the query, and keep every digit", async () => {
    const twice = session(["40001", "40001", undefined]);
    expect(await digestTable(twice, table)).toEqual(new Map([[3, { rows: 12, sum: "-123456789012345678901234567890" }]]));
    expect(twice.asked).toBe(3);
  });

  it("are given up after three attempts, or at once for another reason", async () => {
    await expect(digestTable(session(["40001", "40001", "40001", undefined]), table)).rejects.toThrow(ComparisonError);
    const other = session(["57014", undefined]);
    await expect(digestTable(other, table)).rejects.toThrow(ComparisonError);
    expect(other.asked).toBe(1);
  });
});

describe("marks of rows", () => {
  /** `k1 k2=b`: keys in order, with a row that says "a" where nothing else is given; `|` parts batches. */
  async function* marks(text: string): AsyncGenerator<RowMark[]> {
    for (const batch of text.split("|")) {
      yield batch
        .split(" ")
        .filter(Boolean)
        .map((word) => {
          const [key = "", row = "a"] = word.split("=");
          return { key, row, ctid: `(0,${key})`, size: 1 };
        });
    }
  }
  const compared = async (left: string, right: string): Promise<string> => {
    const found: string[] = [];
    for await (const difference of differences(marks(left), marks(right))) {
      found.push(`${difference.left.key}:${difference.left.row}/${difference.right?.row ?? "-"}`);
    }
    return found.join(" ");
  };

  it.each([
    ["", "", ""],
    ["1 2 3", "1 2 3", ""],
    ["1 2 3", "", "1:a/- 2:a/- 3:a/-"],
    ["", "1 2", ""],
    ["1 3 5", "0 2 3 4 6", "1:a/- 5:a/-"],
    ["1 2=x 3", "1 2=y 3", "2:x/y"],
    ["1 1 1 2", "1 1 2 2", "1:a/-"],
    ["1 2|3 4||5", "1|2|4 5 6|7", "3:a/-"],
    ["|1|2|", "||3|", "1:a/- 2:a/-"],
    ["1 2|", "1 2|", ""],
  ])("of %j, against %j, differ in %j", async (left, right, expected) => {
    expect(await compared(left, right)).toBe(expected);
  });
});

describe("a file of lines", () => {
  const scratch = (): string => {
    const folder = mkdtempSync(join(tmpdir(), "changeover-lines-"));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    return folder;
  };

  it("appears whole, for its owner alone, in place of the one before", async () => {
    const folder = scratch();
    const file = join(folder, "lines");
    writeFileSync(file, "old");
    writeFileSync(`${file}.partial`, "left behind");
    chmodSync(`${file}.partial`, 0o644);
    const lines = await LinesFile.create(file);
    const long = "x".repeat(300_000);
    await lines.write(long);
    await lines.write("end");
    expect(readFileSync(file, "utf8")).toBe("old");
    await lines.commit();
    await lines.close();
    expect(readFileSync(file, "utf8")).toBe(`${long}\nend\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["lines"]);
  });

  it("leaves nothing when it is given up", async () => {
    const folder = scratch();
    const lines = await LinesFile.create(join(folder, "lines"));
    await lines.write("x".repeat(300_000));
    await lines.close();
    expect(readdirSync(folder)).toEqual([]);
  });
});
