import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { ensure, inspect, SetUpFailed } from "../../../setup";
import { NotThisWay, type Way } from "../../../setup/part";
import { executable, part, scratchHome } from "./scratch";

const home = scratchHome();

const refused: Way = { name: "already there", make: () => Promise.reject(new NotThisWay("not on PATH")) };

function builds(name: string): Way & { make: ReturnType<typeof vi.fn<Way["make"]>> } {
  return {
    name: "Go build",
    make: vi.fn<Way["make"]>((at) => Promise.resolve({ tools: { [name]: executable(join(at.folder, "bin", name)) } })),
  };
}

describe("ensure", () => {
  test("goes the ways in order and keeps what the first good one made, in a folder with the version", async () => {
    const build = builds("etcd");
    const tools = await ensure([part("etcd", [refused, build])]);
    expect(tools.tool("etcd")).toBe(join(home.path, "tools", "etcd-1.0.0", "bin", "etcd"));
    expect(tools.part("etcd")).toMatchObject({ way: "Go build", version: "1.0.0" });
  });

  test("a second run makes nothing", async () => {
    const build = builds("etcd");
    await ensure([part("etcd", [build])]);
    await ensure([part("etcd", [build])]);
    expect(build.make).toHaveBeenCalledTimes(1);
  });

  test("two at once make a part once", async () => {
    const build = builds("etcd");
    const slow: Way = {
      name: "Go build",
      async make(at) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        return build.make(at);
      },
    };
    await Promise.all([ensure([part("etcd", [slow])]), ensure([part("etcd", [slow])])]);
    expect(build.make).toHaveBeenCalledTimes(1);
  });

  test("a tool of the machine that was exchanged is looked at again", async () => {
    const path = executable(join(home.path, "elsewhere", "etcd"));
    const there: Way = { name: "already there", make: vi.fn<Way["make"]>(() => Promise.resolve({ tools: { etcd: path } })) };
    await ensure([part("etcd", [there])]);
    writeFileSync(path, "#!/bin/sh\n# another version\n");
    await ensure([part("etcd", [there])]);
    expect(there.make).toHaveBeenCalledTimes(2);
  });

  test("what was half made is cleared away before the next try", async () => {
    const dies: Way = {
      name: "official download",
      make: (at) => {
        writeFileSync(join(at.folder, "half"), "");
        return Promise.reject(new Error("connection reset"));
      },
    };
    const build = builds("etcd");
    await ensure([part("etcd", [dies, build])]);
    expect(readdirSync(join(home.path, "tools", "etcd-1.0.0")).sort()).toEqual(["bin", "made.json"]);
  });

  test("a part is made again when it says that it is no longer current", async () => {
    const build = builds("etcd");
    await ensure([part("etcd", [build])]);
    await ensure([part("etcd", [build], { current: () => false })]);
    expect(build.make).toHaveBeenCalledTimes(2);
  });

  test("names every part that cannot be had, each way with its reason, and what to install; sets up the others", async () => {
    const build = builds("pulumi");
    const dies: Way = { name: "official download", make: () => Promise.reject(new Error("host cannot be reached")) };
    const error = await ensure([part("etcd", [refused, dies]), part("pulumi", [build]), part("moto", [refused])]).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(SetUpFailed);
    expect((error as SetUpFailed).exitCode).toBe(3);
    expect((error as SetUpFailed).message).toBe(
      [
        "etcd 1.0.0 cannot be had",
        "  already there: not on PATH",
        "  official download: host cannot be reached",
        "  to go on: install etcd",
        "moto 1.0.0 cannot be had",
        "  already there: not on PATH",
        "  to go on: install moto",
      ].join("\n"),
    );
    expect(build.make).toHaveBeenCalledTimes(1);
  });

  test("a way may use the tools of an earlier part, and fails without them", async () => {
    const uses: Way = { name: "official download", make: (at) => Promise.resolve({ tools: { plugin: at.tool("pulumi") } }) };
    const tools = await ensure([part("pulumi", [builds("pulumi")]), part("plugin", [uses])]);
    expect(tools.tool("plugin")).toBe(tools.tool("pulumi"));
    await expect(ensure([part("plugin", [uses], { version: "2" })])).rejects.toThrow("pulumi is not set up");
  });

  test("shows each part that it sets up, and nothing when all is there", async () => {
    const steps = { start: vi.fn(), note: vi.fn(), done: vi.fn(), failed: vi.fn() };
    const parts = [part("etcd", [builds("etcd")])];
    await ensure(parts, steps);
    expect(steps.start).toHaveBeenCalledWith("setup:etcd", "set up etcd 1.0.0");
    expect(steps.done).toHaveBeenCalledWith("setup:etcd", "Go build");
    steps.start.mockClear();
    await ensure(parts, steps);
    expect(steps.start).not.toHaveBeenCalled();
  });
});

describe("inspect", () => {
  test("tells ready, found and missing apart and makes nothing", async () => {
    const ready = part("pulumi", [builds("pulumi")]);
    await ensure([ready]);
    const path = executable(join(home.path, "elsewhere", "postgres"));
    const found = part("postgres", [
      { name: "already there", make: () => Promise.resolve({ version: "15.1", tools: { postgres: path } }) },
    ]);
    const build = builds("etcd");
    const reports = await inspect([ready, found, part("etcd", [refused, build])]);
    expect(reports.map(({ name, state, way, version }) => ({ name, state, way, version }))).toEqual([
      { name: "pulumi", state: "ready", way: "Go build", version: "1.0.0" },
      { name: "postgres", state: "found", way: "already there", version: "15.1" },
      { name: "etcd", state: "missing", way: undefined, version: undefined },
    ]);
    expect(reports[2]?.advice).toBe("install etcd");
    expect(build.make).not.toHaveBeenCalled();
    expect(existsSync(join(home.path, "tools", "postgres-1.0.0"))).toBe(false);
  });
});
