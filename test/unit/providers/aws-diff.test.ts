import { describe, expect, it } from "vitest";
import { diffInputs, UNKNOWN, type PropertySpec } from "../../../lab/providers/base";

const SPECS: Record<string, PropertySpec> = {
  name: { replace: true },
  zone: { replace: true, computed: true },
  size: {},
  policy: { same: (a, b) => JSON.stringify(a).toLowerCase() === JSON.stringify(b).toLowerCase() },
};
const diff = (olds: object, news: object, outputs: object = {}) =>
  diffInputs(olds as never, news as never, (name) => SPECS[name], outputs as never);

describe("diff of inputs", () => {
  it("finds nothing between equals, in any order of keys", () => {
    expect(diff({ size: { a: 1, b: [1, { c: 2 }] } }, { size: { b: [1, { c: 2 }], a: 1 } })).toEqual({ changes: {}, replaces: [] });
  });

  it("names the path of each change in maps and lists", () => {
    const { changes } = diff(
      { size: { kept: 1, gone: 2, list: ["a", "b"] }, tags: { "a/b": "1" } },
      { size: { kept: 1, list: ["a", "c", "d"], come: 3 }, tags: { "a/b": "2" } },
    );
    expect(changes).toEqual({
      "size.gone": "delete",
      "size.list[1]": "update",
      "size.list[2]": "add",
      "size.come": "add",
      'tags["a/b"]': "update",
    });
  });

  it("replaces for a property that cannot be changed, and not for one that can", () => {
    expect(diff({ name: "a", size: 1 }, { name: "b", size: 2 }).replaces).toEqual(["name"]);
  });

  it("takes a computed property left out as no change, another one as its removal", () => {
    expect(diff({ zone: "a", size: 1 }, {})).toEqual({ changes: { size: "delete" }, replaces: [] });
  });

  it("compares a computed property that comes into the program with what the service had chosen", () => {
    expect(diff({}, { zone: "a" }, { zone: "a" }).changes).toEqual({});
    expect(diff({}, { zone: "b" }, { zone: "a" }).replaces).toEqual(["zone"]);
  });

  it("asks the property whether two spellings are the same", () => {
    expect(diff({ policy: "Allow" }, { policy: "allow" }).changes).toEqual({});
    expect(diff({ policy: "Allow" }, { policy: "deny" }).changes).toEqual({ policy: "update" });
  });

  it("counts an unknown as a change, also where the old value was recorded as unknown", () => {
    expect(diff({ size: "1" }, { size: UNKNOWN }).changes).toEqual({ size: "update" });
    expect(diff({ size: UNKNOWN }, { size: UNKNOWN }).changes).toEqual({ size: "update" });
  });

  it("leaves the plugin's own marks out", () => {
    expect(diff({ __defaults: ["name"] }, { __defaults: [] }).changes).toEqual({});
  });
});
