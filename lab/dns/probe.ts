import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { HEALTH_CHECKER_AGENT } from "../gateway/identify";
import type { Check } from "./health";

/** Route 53 allows 4 s to connect and 2 s to answer; the lab plays its clock ten times as fast. */
export const PROBE_TIMEOUT_MS = 1_000;

/** Route 53 looks for a search string in this much of the body. */
const SEARCHED_OCTETS = 5_120;

export interface Finding {
  ok: boolean;
  reason: string;
}

/**
 * Asks an endpoint once, over a new connection, as a Route 53 health checker does: any certificate is taken, a
 * redirect is an answer, nothing is followed.
 * @param address where the check's host lives
 */
export async function probe(check: Check, address: string, port: number): Promise<Finding> {
  try {
    return check.type === "TCP" ? await probeTcp(address, port) : await probeHttp(check, address, port);
  } catch (error) {
    return { ok: false, reason: describe(error) };
  }
}

async function probeHttp(check: Check, host: string, port: number): Promise<Finding> {
  const secure = check.type.startsWith("HTTPS");
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  const options: RequestOptions = {
    host,
    port,
    path: check.path,
    agent: false,
    signal,
    headers: { host: check.fqdn ?? host, "user-agent": HEALTH_CHECKER_AGENT, accept: "*/*" },
  };
  return new Promise((resolve, reject) => {
    const request = secure
      ? httpsRequest({
          ...options,
          rejectUnauthorized: false,
          ...(check.sni && check.fqdn !== undefined ? { servername: check.fqdn } : {}),
        })
      : httpRequest(options);
    request.once("error", reject);
    request.once("response", (response) => {
      const status = response.statusCode ?? 0;
      const finish = (finding: Finding): void => {
        resolve(finding);
        request.destroy();
      };
      const accepted = status >= 200 && status <= 399;
      if (!accepted || check.search === undefined) {
        finish({ ok: accepted, reason: `HTTP ${status}` });
        return;
      }
      let body = "";
      const search = check.search;
      const judge = (): void => {
        const ok = body.slice(0, SEARCHED_OCTETS).includes(search);
        finish({ ok, reason: `HTTP ${status}, ${ok ? "text found" : "text not found"}` });
      };
      response.setEncoding("latin1");
      response.on("data", (part: string) => {
        body += part;
        if (body.length >= SEARCHED_OCTETS) judge();
      });
      response.once("end", judge);
      response.once("error", reject);
    });
    request.end();
  });
}

async function probeTcp(host: string, port: number): Promise<Finding> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    socket.once("error", reject);
    socket.once("connect", () => {
      resolve({ ok: true, reason: "connected" });
      socket.destroy();
    });
  });
}

function describe(error: unknown): string {
  const { code, name, message } = error as NodeJS.ErrnoException;
  if (name === "AbortError" || name === "TimeoutError" || code === "ABORT_ERR") return `no answer within ${PROBE_TIMEOUT_MS} ms`;
  if (code === "ECONNREFUSED") return "connection refused";
  if (code === "ECONNRESET") return "connection reset";
  return message;
}
