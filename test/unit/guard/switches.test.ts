import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { Switches } from "../../../guard/switches";

/** S3 as a guard meets it: by bucket. */
const ANSWERS: Record<string, { status: number; body: string } | "hang" | "reset"> = {
  on: { status: 200, body: '{"activeSite":"secondary","epoch":7}' },
  strange: { status: 200, body: "<html>" },
  off: { status: 404, body: "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>" },
  "no-bucket": { status: 404, body: "<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>" },
  forbidden: { status: 403, body: "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>" },
  busy: { status: 503, body: "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>" },
  hangs: "hang",
  resets: "reset",
};

let server: Server;
const asked: { url: string; agent: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const { url = "" } = request;
    asked.push({ url, agent: request.headers["user-agent"] ?? "" });
    const answer = ANSWERS[url.split("/")[1] ?? ""] ?? { status: 500, body: "" };
    if (answer === "reset") request.socket.resetAndDestroy();
    else if (answer !== "hang") response.writeHead(answer.status, { "content-type": "application/xml" }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "x");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "x");
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

it("tells a switch that is off from one that could not be read, and waits for none longer than for all", async () => {
  const others = Object.keys(ANSWERS).map((bucket) => ({ site: bucket, region: "eu-west-1", bucket, warm: true }));
  const began = performance.now();
  const seen = await new Switches(others, 500).read();
  expect(performance.now() - began).toBeLessThan(1_500);
  expect(seen).toEqual({
    on: { state: "on", activeSite: "secondary", epoch: 7 },
    strange: { state: "unreadable", reason: "it names no site and epoch" },
    off: { state: "off" },
    "no-bucket": { state: "unreadable", reason: "NoSuchBucket" },
    forbidden: { state: "unreadable", reason: "AccessDenied" },
    busy: { state: "unreadable", reason: "SlowDown" },
    hangs: { state: "unreadable", reason: "no answer within 500 ms" },
    resets: { state: "unreadable", reason: expect.stringMatching(/ECONNRESET|EPIPE/) as string },
  });
  // Once each: the next look is the next attempt.
  expect(asked.map(({ url }) => url.split("?")[0]).sort()).toEqual(
    Object.keys(ANSWERS)
      .map((bucket) => `/${bucket}/takeover`)
      .sort(),
  );
  expect(asked.every(({ agent }) => agent.includes("changeover-guard"))).toBe(true);
});
