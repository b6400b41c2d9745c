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
  const answerTo = (method: string | undefined, url: URL, body: string): { status: number; text?: string } => {
    if (failing) return { status: 500 };
    const name = decodeURIComponent(url.pathname).slice(1);
    if (method === "PUT") objects.set(name, body);
    if (method === "DELETE") objects.delete(name);
    if (method !== "GET") return { status: 200 };
    if (url.searchParams.has("list-type")) {
      const bucket = name.replace(/\/$/, "");
      const prefix = `${bucket}/${url.searchParams.get("prefix") ?? ""}`;
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(bucket.length + 1));
      const contents = keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join("");
      return { status: 200, text: `<ListBucketResult>${contents}</ListBucketResult>` };
    }
    const text = objects.get(name);
    return text === undefined ? { status: 404, text: "<Error><Code>NoSuchKey</Code></Error>" } : { status: 200, text };
  };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (data: string) => (body += data));
    request.on("end", () => {
      const { status, text = "" } = answerTo(request.method, new URL(request.url ?? "/", "http://s3"), body);
      response.writeHead(status, { "content-type": "application/xml", "x-amz-request-id": "request" }).end(text);
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
