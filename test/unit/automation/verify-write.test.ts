import { createServer, type AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { askDirectly, verifyWrite } from "../../../automation/probes/service";
import { addressesOf } from "../../../automation/probes/resolver";

vi.mock("../../../automation/probes/resolver");

const target = { host: "app.example.com", path: "/emergency-call", site: "secondary", epoch: 2 };
const own = "secondary.example.com";

beforeEach(async () => {
  // A port at which nobody listens any more.
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  vi.stubEnv("CHANGEOVER_PORT", String((server.address() as AddressInfo).port));
  await new Promise((resolve) => server.close(resolve));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

it("a write past the public name goes to the site's own, and what comes of it is told, not thrown", async () => {
  vi.mocked(addressesOf).mockImplementation((name) => Promise.resolve(name === own ? ["127.0.0.1"] : []));
  expect(await askDirectly(target, own)).toMatch(/^secondary\.example\.com itself: connect ECONNREFUSED 127\.0\.0\.1:/);
  expect(await askDirectly(target, "cold.example.com")).toBe("cold.example.com itself: cold.example.com has no address");
});

it("a write through the public name is given up with the last reason", async () => {
  vi.mocked(addressesOf).mockResolvedValue(["127.0.0.1"]);
  const reasons: string[] = [];
  const written = verifyWrite(target, { timeoutMs: 50, everyMs: 10, onAttempt: (reason) => reasons.push(reason) });
  await expect(written).rejects.toThrow(
    /no write through https:\/\/app\.example\.com\/emergency-call was confirmed by secondary in 50 ms; last: connect ECONNREFUSED/,
  );
  expect(reasons.length).toBeGreaterThan(1);
});
