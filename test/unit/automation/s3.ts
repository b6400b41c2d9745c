import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** As much of S3 as journals need, in memory, at 127.0.0.1. */
export interface S3 {
  /** By `<bucket>/<key>`. */
  objects: Map<string, string>;
  endpoint: string;
  /** From here on it answers nothing but 500. */
  fail(): void;
  close(): Promise<void>;
}

export async function s3(): Promise<S3> {
  const objects = new Map<string, string>();
  let failing = false;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://s3");
    const [bucket = "", ...rest] = decodeURIComponent(pathname).slice(1).split("/");
    const name = [bucket, ...rest].join("/");
    let body = "";
    request.on("data", (data) => (body += data));
    request.on("end", () => {
      const answer = (status: number, text = ""): void => {
        response.writeHead(status, { "content-type": "application/xml", "x-amz-request-id": "request" }).end(text);
      };
      if (failing) return answer(500);
      if (request.method === "PUT") return void (objects.set(name, body), answer(200));
      if (request.method === "DELETE") return void (objects.delete(name), answer(204));
      if (searchParams.has("list-type")) {
        const prefix = `${bucket}/${searchParams.get("prefix") ?? ""}`;
        const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(bucket.length + 1));
        return answer(200, `<ListBucketResult>${keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join("")}</ListBucketResult>`);
      }
      const found = objects.get(name);
      if (found === undefined) return answer(404, "<Error><Code>NoSuchKey</Code></Error>");
      answer(200, found);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    objects,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fail: () => (failing = true),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
