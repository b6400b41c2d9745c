import { describe, expect, it } from "vitest";
import { program } from "../../../stacks/program";
import { record } from "../components/recorder";
import { settings } from "./settings";

/** Runs the secondary's program after an update to `last`, with the config of `next`. */
function after(last: { activeSite: string; epoch: number }, next: { activeSite: string; epoch: string }) {
  const stacks = { "organization/changeover/production-secondary": last };
  return record(() => program(), { ...settings("production-secondary", next), stacks });
}

describe("the epoch of a stack", () => {
  it("goes forward, and stays where nothing moves", async () => {
    await after({ activeSite: "primary", epoch: 1 }, { activeSite: "secondary", epoch: "2" });
    await after({ activeSite: "secondary", epoch: 2 }, { activeSite: "secondary", epoch: "2" });
  });

  it("never goes back", async () => {
    await expect(after({ activeSite: "secondary", epoch: 3 }, { activeSite: "secondary", epoch: "2" })).rejects.toThrow(
      /changeover:epoch is 2; it may be 3 or more/,
    );
  });

  it("has one active site", async () => {
    await expect(after({ activeSite: "primary", epoch: 2 }, { activeSite: "secondary", epoch: "2" })).rejects.toThrow(
      /changeover:epoch is 2; it may be 3 with changeover:activeSite secondary: in epoch 2 the active site is primary/,
    );
  });

  it("begins anywhere in a stack that was never updated", async () => {
    await record(() => program(), settings("production-secondary", { epoch: "7" }));
  });
});
