import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkSum, download, fill, mustAnswer } from "../../../setup/download";

const content = Buffer.from("an executable");
const sum = createHash("sha256").update(content).digest("hex");

describe("checkSum", () => {
  test("takes a lone sum, or the line of the file", () => {
    expect(() => {
      checkSum(content, `${sum}\n`, "etcd");
    }).not.toThrow();
    expect(() => {
      checkSum(content, `${"0".repeat(64)}  other\n${sum}  etcd\n`, "etcd");
    }).not.toThrow();
    expect(() => {
      checkSum(content, `${sum} *etcd\n`, "etcd");
    }).not.toThrow();
  });

  test("refuses content that differs, and a list without the file", () => {
    expect(() => {
      checkSum(content, "0".repeat(64), "etcd");
    }).toThrow(/not 0{64} as published/);
    expect(() => {
      checkSum(content, `${sum}  other\n`, "etcd");
    }).toThrow("no etcd");
  });
});

describe("download", () => {
  let server: Server;
  let base = "";
  beforeAll(async () => {
    server = createServer((request, response) => {
      response.statusCode = request.url === "/there" ? 200 : 404;
      response.end(content);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
  });

  test("reads a file whole", async () => {
    expect(await download(`${base}/there`)).toEqual(content);
  });

  test("says which host answered what", async () => {
    await expect(download(`${base}/gone`)).rejects.toThrow(/^127\.0\.0\.1:\d+ answers 404 for \/gone$/);
  });

  test("a host that answers anything is there; one that does not is named", async () => {
    await expect(mustAnswer(`${base}/gone`)).resolves.toBeUndefined();
    await expect(mustAnswer("http://127.0.0.1:9/")).rejects.toThrow("127.0.0.1:9 cannot be reached");
  });
});

test("fill puts names into a URL", () => {
  expect(fill("https://x/v{version}/{tool}", { version: "1.2", tool: "etcd" })).toBe("https://x/v1.2/etcd");
  expect(fill("{os}/{arch}", {})).toMatch(/^(linux|darwin)\/(amd64|arm64)$/);
});
