import { randomBytes } from "node:crypto";
import { STATUS_CODES, type IncomingHttpHeaders, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { errors, type Pool } from "undici";
import type { Listener } from "./read";
import { IDLE_MS } from "./front";
import { byWeight, locationOf, route, type Action } from "./rules";

/** Headers that belong to one connection (RFC 9110, 7.6.1), and `expect`, which this end has already answered. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/**
 * Handles requests as an application load balancer does: the listener's rules choose a target group, the group a target.
 * A request is never sent twice.
 * @param listener as it is now
 * @param next connections to the target whose turn it is in a group; `undefined` where the group has none
 * @param silent whether the region has gone dark: what comes back from a target then is not passed on
 */
export function proxy(listener: () => Listener, next: (group: string) => Pool | undefined, silent: () => boolean): RequestListener {
  return (request, response) => {
    const { protocol, port, rules } = listener();
    const asked = { method: request.method ?? "GET", host: request.headers.host ?? "", url: request.url ?? "/" };
    const action: Action = route(rules, asked) ?? { type: "unknown", name: "none" };
    switch (action.type) {
      case "fixed-response":
        request.resume();
        response.writeHead(action.status, { "content-type": action.contentType, server: "awselb/2.0" }).end(action.body);
        return;
      case "redirect":
        request.resume();
        response
          .writeHead(action.status, { location: locationOf(action, asked, protocol.toLowerCase(), port), server: "awselb/2.0" })
          .end();
        return;
      case "forward": {
        const pool = next(byWeight(action.groups, Math.random())?.arn ?? "");
        if (pool === undefined) fail(request, response, 503);
        else void forward(request, response, pool, { scheme: protocol.toLowerCase(), port, silent });
        return;
      }
      case "unknown":
        fail(request, response, 500);
    }
  };
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  pool: Pool,
  via: { scheme: string; port: number; silent: () => boolean },
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableEnded) gone.abort();
  });
  const hasBody = request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  try {
    await pool.stream(
      {
        method: request.method as "GET",
        path: request.url ?? "/",
        headers: forwardedHeaders(request, via),
        body: hasBody ? request : null,
        headersTimeout: IDLE_MS,
        bodyTimeout: IDLE_MS,
        signal: gone.signal,
      },
      ({ statusCode, headers }) => {
        if (via.silent()) throw new Error("the region has gone dark");
        response.writeHead(statusCode, withoutHopByHop(headers));
        return response;
      },
    );
  } catch (error) {
    if (via.silent()) return;
    const late = error instanceof errors.HeadersTimeoutError || error instanceof errors.ConnectTimeoutError;
    fail(request, response, late ? 504 : 502);
  }
}

function forwardedHeaders(request: IncomingMessage, via: { scheme: string; port: number }): IncomingHttpHeaders {
  const headers = withoutHopByHop(request.headers);
  const before = headers["x-forwarded-for"];
  const client = request.socket.remoteAddress ?? "";
  headers["x-forwarded-for"] = before === undefined ? client : `${String(before)}, ${client}`;
  headers["x-forwarded-proto"] = via.scheme;
  headers["x-forwarded-port"] = String(via.port);
  headers["x-amzn-trace-id"] ??= `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${randomBytes(12).toString("hex")}`;
  return headers;
}

function withoutHopByHop(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

/** An error of the load balancer's own, with the page that ELB sends. */
function fail(request: IncomingMessage, response: ServerResponse, status: 500 | 502 | 503 | 504): void {
  request.resume();
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const text =
    status === 503
      ? "503 Service Temporarily Unavailable"
      : status === 504
        ? "504 Gateway Time-out"
        : `${status} ${STATUS_CODES[status] ?? ""}`;
  const page = `<html>\r\n<head><title>${text}</title></head>\r\n<body>\r\n<center><h1>${text}</h1></center>\r\n</body>\r\n</html>\r\n`;
  response.writeHead(status, { "content-type": "text/html", "content-length": page.length, server: "awselb/2.0" }).end(page);
}
