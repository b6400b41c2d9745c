import { describe, expect, it } from "vitest";
import { Archives, restoreHeader } from "../../../lab/storage/archive";
import type { ArchiveClass, RetrievalTier } from "../../../topology/archive";

/** An hour of S3's is a second. */
const HOUR = 1_000;
const version = { bucket: "archive", key: "photo", versionId: "1" };

function archived(storageClass: ArchiveClass) {
  let now = 1_000_000;
  const archives = new Archives(24 * HOUR, () => now);
  archives.set(version, storageClass);
  return {
    archives,
    retrieve: (tier: RetrievalTier, days = 1) => archives.retrieve(version, tier, days),
    readable: () => archives.of(version)?.readable,
    pass: (ms: number) => (now += ms),
  };
}

describe("a retrieval in the lab", () => {
  it.each([
    ["GLACIER", "Expedited", HOUR / 12],
    ["GLACIER", "Standard", 5 * HOUR],
    ["GLACIER", "Bulk", 12 * HOUR],
    ["DEEP_ARCHIVE", "Standard", 12 * HOUR],
    ["DEEP_ARCHIVE", "Bulk", 48 * HOUR],
  ] as const)("from %s by %s takes as long as S3 publishes at most", (storageClass, tier, takes) => {
    const { archives, retrieve, readable, pass } = archived(storageClass);
    expect(retrieve(tier)).toEqual({ ok: true, status: 202 });
    pass(Math.ceil(takes) - 1);
    expect(readable()).toBe(false);
    expect(restoreHeader(archives.of(version)!)).toBe('ongoing-request="true"');
    pass(1);
    expect(readable()).toBe(true);
  });

  it("lasts its days from then on, longer if it is asked for again, and then is archived as before", () => {
    const { archives, retrieve, readable, pass } = archived("GLACIER");
    retrieve("Standard", 2);
    pass(5 * HOUR + 40 * HOUR);
    expect(retrieve("Bulk", 3)).toEqual({ ok: true, status: 200 });
    pass(72 * HOUR - 1);
    expect(readable()).toBe(true);
    pass(1);
    expect(readable()).toBe(false);
    expect(restoreHeader(archives.of(version)!)).toBeUndefined();
    expect(retrieve("Standard")).toEqual({ ok: true, status: 202 });
  });

  it("is refused while one is under way, but for a faster one", () => {
    const { retrieve, readable, pass } = archived("GLACIER");
    retrieve("Standard");
    expect(retrieve("Standard")).toMatchObject({ ok: false, status: 409, code: "RestoreAlreadyInProgress" });
    expect(retrieve("Bulk")).toMatchObject({ code: "RestoreAlreadyInProgress" });
    expect(retrieve("Expedited")).toEqual({ ok: true, status: 202 });
    pass(HOUR / 12 + 1);
    expect(readable()).toBe(true);
  });

  it("is refused by a tier that the class has not, and where there is nothing to retrieve", () => {
    expect(archived("DEEP_ARCHIVE").retrieve("Expedited")).toMatchObject({ status: 400, code: "InvalidArgument" });
    const instant = archived("GLACIER_IR");
    expect(instant.readable()).toBe(true);
    expect(instant.retrieve("Standard")).toMatchObject({ status: 403, code: "InvalidObjectState" });
    expect(instant.archives.retrieve({ ...version, versionId: "2" }, "Standard", 1)).toMatchObject({ code: "InvalidObjectState" });
  });

  it("is forgotten with its version", () => {
    const { archives } = archived("GLACIER");
    expect([archives.has("archive"), archives.has("another")]).toEqual([true, false]);
    archives.forget(version);
    archives.forget(version);
    expect([archives.has("archive"), archives.of(version)]).toEqual([false, undefined]);
  });
});
