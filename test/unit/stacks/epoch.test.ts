import { describe, expect, it } from "vitest";
import { program } from "../../../stacks/program";
import { record } from "../components/recorder";
import { settings } from "./settings";

/** Runs the secondary's program after an update to `last`, with the config of `next`. */
function after(last: Record<string, string | number>, next: Record<string, string>) {
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

  it("does not make a replica of a database that has taken writes", async () => {
    for (const last of [
      { activeSite: "secondary", epoch: 2, role: "active", generation: 1 },
      { activeSite: "primary", epoch: 3, role: "fenced", generation: 1 },
    ]) {
      const home = { activeSite: "primary", epoch: "3" };
      await expect(after(last, home)).rejects.toThrow(
        /changeover:generation is 1; it may be 2 with changeover:retained 1, or as it is with/,
      );
      await after(last, { ...home, retained: "1" });
      await after(last, { ...home, retained: "1", generation: "2" });
    }
    await after({ activeSite: "primary", epoch: 1, role: "standby", generation: 1 }, { activeSite: "primary", epoch: "1" });
  });

  it("lets no retained database go before an update has taken its protection away", async () => {
    const last = (discard: boolean) =>
      ({
        activeSite: "primary",
        epoch: 3,
        role: "standby",
        generation: 3,
        retained: [1, 2].map((generation) => ({ generation, discard })),
      }) as never;
    const next = { activeSite: "primary", epoch: "3", generation: "3" };
    await expect(after(last(false), { ...next, retained: "2" })).rejects.toThrow(
      /changeover:retained is "2"; it may be 1,2: before a database may go/,
    );
    await expect(after(last(false), next)).rejects.toThrow(/changeover:retained is missing; it may be 1,2/);
    await after(last(false), { ...next, retained: "1,2", discard: "true" });
    await after(last(true), { ...next, retained: "2" });
    await after(last(true), next);
  });

  it("lets a database that was left be taken up again by its own site", async () => {
    const last = { activeSite: "primary", epoch: 3, role: "fenced", generation: 1, retained: [{ generation: 1, discard: false }] } as never;
    await after(last, { activeSite: "secondary", epoch: "4" });
  });
});
