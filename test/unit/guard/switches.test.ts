import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { OwnSwitch, Switches } from "../../../guard/switches";

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

/** What a bucket says to a deletion; to a look, the switch is on. */
const DELETED: typeof ANSWERS = {
  on: { status: 204, body: "" },
  rewritten: { status: 412, body: "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>" },
  "turned-off": { status: 404, body: "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>" },
  "read-only": { status: 403, body: "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>" },
};
/** Long enough for a machine that has other things to do. */
const TIMEOUT_MS = 2_000;
const ETAG = '"0123456789abcdef"';

let server: Server;
const asked: { method: string; url: string; agent: string; ifMatch: string | undefined }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    asked.push({ method, url, agent: headers["user-agent"] ?? "", ifMatch: headers["if-match"] });
    const bucket = url.split("/")[1] ?? "";
    const answer = (method === "DELETE" ? DELETED[bucket] : (ANSWERS[bucket] ?? ANSWERS["on"])) ?? { status: 500, body: "" };
    if (answer === "reset") request.socket.resetAndDestroy();
    else if (answer !== "hang") response.writeHead(answer.status, { "content-type": "application/xml", etag: ETAG }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "x");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "x");
  // What the SDK loads at its first call is not what is timed here.
  await new Switches([{ site: "on", region: "eu-west-1", bucket: "on" }], 20_000).read();
  asked.splice(0);
});
afterEach(() => asked.splice(0));
afterAll(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

it("tells a switch that is off from one that could not be read, and waits for none longer than for all", async () => {
  const others = Object.keys(ANSWERS).map((bucket) => ({ site: bucket, region: "eu-west-1", bucket }));
  const began = performance.now();
  const seen = await new Switches(others, TIMEOUT_MS).read();
  expect(performance.now() - began).toBeLessThan(2 * TIMEOUT_MS);
  expect(seen).toEqual({
    on: { state: "on", activeSite: "secondary", epoch: 7 },
    strange: { state: "unreadable", reason: "it names no site and epoch" },
    off: { state: "off" },
    "no-bucket": { state: "unreadable", reason: "NoSuchBucket" },
    forbidden: { state: "unreadable", reason: "AccessDenied" },
    busy: { state: "unreadable", reason: "SlowDown" },
    hangs: { state: "unreadable", reason: `no answer within ${TIMEOUT_MS} ms` },
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

/** The own switch, of a bucket that answers as its name says. */
const turnOff = (bucket: string, upTo: number): Promise<string> =>
  new OwnSwitch({ region: "eu-north-1", bucket }, TIMEOUT_MS).turnOff(upTo);
const deletions = (): unknown[] =>
  asked.filter(({ method }) => method === "DELETE").map(({ url, ifMatch }) => [url.split("?")[0], ifMatch]);

it.each([7, 8])("turns its own switch of epoch 7 off at %i: that very object", async (epoch) => {
  expect(await turnOff("on", epoch)).toBe("off");
  expect(asked.map(({ method }) => method)).toEqual(["GET", "DELETE"]);
  expect(deletions()).toEqual([["/on/takeover", ETAG]]);
});

it("leaves its own switch of a later epoch, and one that it cannot read", async () => {
  expect(await turnOff("on", 6)).toBe("on in epoch 7, and stays so: what took over came after 6");
  expect(await turnOff("off", 7)).toBe("off");
  await expect(turnOff("strange", 7)).rejects.toThrow("it names no site and epoch");
  await expect(turnOff("forbidden", 7)).rejects.toThrow("AccessDenied");
  await expect(turnOff("hangs", 7)).rejects.toThrow(`no answer within ${TIMEOUT_MS} ms`);
  expect(deletions()).toEqual([]);
});

it("says when its own switch changed meanwhile or may not be deleted; one that the other guard turned off is off", async () => {
  await expect(turnOff("rewritten", 7)).rejects.toThrow("PreconditionFailed");
  await expect(turnOff("read-only", 7)).rejects.toThrow("AccessDenied");
  expect(await turnOff("turned-off", 7)).toBe("off");
  expect(deletions()).toHaveLength(3);
});
